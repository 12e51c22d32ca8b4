//! The small calls, one function each.

use alloy_primitives::{Address, B256, Bytes};
use carechain_api::{
    Application, BackLinks, ClaimRequest, DirectoryPage, DirectoryQuery, GrantsPage, Invitation,
    MailPage, NodeInfo, Nonce, NotificationsPage, NotificationsRead, PostMail, ProofRequest,
    PutDocument, PutSlots, ReceiptsPage, RequestsPage, SendRequest, Sent, Session, SessionRequest,
    SignInNonce, SignedHead, SignedWrap, Stage, Staged, StateProof, SubjectView, VaultCopy,
    VoucherRequest, VoucherView,
};
use carechain_domain::{GrantId, SubjectId};

use super::Http;
use crate::error::ClientError;
use crate::platform::{Method, Platform};

/// A word as part of a query: everything but letters, digits and `-._~` is escaped.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

impl<P: Platform> Http<P> {
    pub(crate) async fn node(&self) -> Result<NodeInfo, ClientError> {
        let info: NodeInfo = self.get("the node's description", "/v1/node").await?;
        self.set_origin(&info.public_url);
        Ok(info)
    }

    pub(crate) async fn voucher(&self, ask: &VoucherRequest) -> Result<VoucherView, ClientError> {
        self.post("the voucher", "/v1/vouchers", ask).await
    }

    pub(crate) async fn claim(&self, ask: &ClaimRequest) -> Result<VoucherView, ClientError> {
        self.post("the claim", "/v1/claim", ask).await
    }

    pub(crate) async fn invitation(&self, ask: &Invitation) -> Result<Invitation, ClientError> {
        self.post("the invitation", "/v1/invitations", ask).await
    }

    pub(crate) async fn sign_in_nonce(&self) -> Result<SignInNonce, ClientError> {
        self.get("the sign-in nonce", "/v1/session/nonce").await
    }

    pub(crate) async fn open_session(&self, ask: &SessionRequest) -> Result<Session, ClientError> {
        self.post("the session", "/v1/session", ask).await
    }

    pub(crate) async fn close_session(&self) -> Result<(), ClientError> {
        self.tell_bare("signing out", Method::Delete, "/v1/session")
            .await
    }

    pub(crate) async fn head(&self) -> Result<SignedHead, ClientError> {
        self.get("the chain's head", "/v1/chain/head").await
    }

    pub(crate) async fn proof(&self, ask: &ProofRequest) -> Result<StateProof, ClientError> {
        self.post("the proof", "/v1/chain/proof", ask).await
    }

    pub(crate) async fn nonce(&self, address: Address) -> Result<u64, ClientError> {
        let nonce: Nonce = self
            .get("the nonce", format!("/v1/chain/nonce/{address:#x}"))
            .await?;
        Ok(nonce.nonce)
    }

    pub(crate) async fn receipt(&self, transaction: B256) -> Result<Sent, ClientError> {
        self.get("the receipt", format!("/v1/chain/receipt/{transaction:#x}"))
            .await
    }

    pub(crate) async fn send_transaction(&self, raw: Bytes) -> Result<Sent, ClientError> {
        self.post(
            "the transaction",
            "/v1/chain/send",
            &SendRequest { transaction: raw },
        )
        .await
    }

    pub(crate) async fn directory(
        &self,
        query: &DirectoryQuery,
    ) -> Result<DirectoryPage, ClientError> {
        let texts = [
            ("kind", query.kind.map(|k| k.to_string())),
            ("status", query.status.map(|s| s.to_string())),
            ("text", query.text.clone()),
            ("speciality", query.speciality.clone()),
            ("language", query.language.clone()),
            ("after", query.after.map(|a| a.to_string())),
            ("limit", query.limit.map(|l| l.to_string())),
        ];
        let parts: Vec<String> = texts
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", escape(&value?))))
            .collect();
        self.get(
            "the directory",
            format!("/v1/directory?{}", parts.join("&")),
        )
        .await
    }

    pub(crate) async fn subject(&self, subject: SubjectId) -> Result<SubjectView, ClientError> {
        self.get("the subject", format!("/v1/subjects/{subject}"))
            .await
    }

    pub(crate) async fn put_key_bundle(
        &self,
        subject: SubjectId,
        document: Vec<u8>,
    ) -> Result<(), ClientError> {
        let path = format!("/v1/subjects/{subject}/key-bundle");
        let body = PutDocument {
            document: document.into(),
        };
        self.tell("the key bundle", Method::Put, path, &body).await
    }

    pub(crate) async fn put_profile(
        &self,
        subject: SubjectId,
        document: Vec<u8>,
    ) -> Result<(), ClientError> {
        let path = format!("/v1/subjects/{subject}/profile");
        let body = PutDocument {
            document: document.into(),
        };
        self.tell("the profile", Method::Put, path, &body).await
    }

    pub(crate) async fn put_application(&self, body: &Application) -> Result<(), ClientError> {
        let path = format!("/v1/subjects/{}/application", body.subject);
        self.tell("the application", Method::Put, path, body).await
    }

    pub(crate) async fn application(&self, of: SubjectId) -> Result<Application, ClientError> {
        self.get("the application", format!("/v1/subjects/{of}/application"))
            .await
    }

    pub(crate) async fn put_keyset(
        &self,
        subject: SubjectId,
        keyset: Vec<u8>,
    ) -> Result<(), ClientError> {
        let path = format!("/v1/subjects/{subject}/keyset");
        self.tell(
            "the keyset",
            Method::Put,
            path,
            &VaultCopy {
                keyset: keyset.into(),
            },
        )
        .await
    }

    pub(crate) async fn keyset(&self, subject: SubjectId) -> Result<VaultCopy, ClientError> {
        self.get("the keyset", format!("/v1/subjects/{subject}/keyset"))
            .await
    }

    pub(crate) async fn stage(&self, of: SubjectId, rows: &Stage) -> Result<Staged, ClientError> {
        self.post("staging", format!("/v1/subjects/{of}/staged"), rows)
            .await
    }

    pub(crate) async fn put_slots(
        &self,
        of: SubjectId,
        rows: &PutSlots,
    ) -> Result<(), ClientError> {
        self.tell(
            "key slots",
            Method::Put,
            format!("/v1/subjects/{of}/slots"),
            rows,
        )
        .await
    }

    pub(crate) async fn put_links(
        &self,
        of: SubjectId,
        links: &BackLinks,
    ) -> Result<(), ClientError> {
        self.tell(
            "back-links",
            Method::Put,
            format!("/v1/subjects/{of}/back-links"),
            links,
        )
        .await
    }

    pub(crate) async fn links(&self, of: SubjectId) -> Result<BackLinks, ClientError> {
        self.get("back-links", format!("/v1/subjects/{of}/back-links"))
            .await
    }

    pub(crate) async fn grants_of(&self, subject: SubjectId) -> Result<GrantsPage, ClientError> {
        self.get("grants", format!("/v1/subjects/{subject}/grants"))
            .await
    }

    pub(crate) async fn grants_to_me(&self) -> Result<GrantsPage, ClientError> {
        self.get("grants", "/v1/grants").await
    }

    pub(crate) async fn put_wrap(&self, wrap: &SignedWrap) -> Result<(), ClientError> {
        self.tell(
            "the wrap",
            Method::Put,
            format!("/v1/grants/{}/wrap", wrap.grant),
            wrap,
        )
        .await
    }

    pub(crate) async fn wrap(&self, grant: GrantId) -> Result<SignedWrap, ClientError> {
        self.get("the wrap", format!("/v1/grants/{grant}/wrap"))
            .await
    }

    pub(crate) async fn requests_to(&self, of: SubjectId) -> Result<RequestsPage, ClientError> {
        self.get("requests", format!("/v1/subjects/{of}/requests"))
            .await
    }

    pub(crate) async fn requests_mine(&self) -> Result<RequestsPage, ClientError> {
        self.get("requests", "/v1/requests").await
    }

    pub(crate) async fn post_mail(
        &self,
        to: SubjectId,
        mail: &PostMail,
    ) -> Result<(), ClientError> {
        self.tell(
            "mail",
            Method::Post,
            format!("/v1/subjects/{to}/mail"),
            mail,
        )
        .await
    }

    pub(crate) async fn mail(&self, of: SubjectId, after: u64) -> Result<MailPage, ClientError> {
        self.get("mail", format!("/v1/subjects/{of}/mail?after={after}"))
            .await
    }

    pub(crate) async fn receipts(
        &self,
        of: SubjectId,
        after: u64,
    ) -> Result<ReceiptsPage, ClientError> {
        self.get(
            "receipts",
            format!("/v1/subjects/{of}/receipts?after={after}"),
        )
        .await
    }

    pub(crate) async fn notifications(&self, after: u64) -> Result<NotificationsPage, ClientError> {
        self.get("notifications", format!("/v1/notifications?after={after}"))
            .await
    }

    pub(crate) async fn notifications_read(&self, up_to: u64) -> Result<(), ClientError> {
        let body = NotificationsRead { up_to };
        self.tell(
            "notifications",
            Method::Post,
            "/v1/notifications/read",
            &body,
        )
        .await
    }

    /// The body of the stream of notifications, from after `last_id`.
    pub(crate) async fn notification_stream(&self, last_id: u64) -> Result<P::Body, ClientError> {
        let extra = [("last-event-id", last_id.to_string())];
        let path = "/v1/notifications/stream".to_owned();
        let response = self
            .send(Method::Get, path, None, &extra, Vec::new())
            .await?;
        if response.status == 200 {
            return Ok(response.body);
        }
        let bytes = super::read_all(response.body, super::MAX_ANSWER_BYTES).await?;
        Err(super::refusal(
            "the stream of notifications",
            response.status,
            &bytes,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn queries_are_escaped() {
        assert_eq!(escape("Zoë & co/1~"), "Zo%C3%AB%20%26%20co%2F1~");
    }
}

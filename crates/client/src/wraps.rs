//! Making wraps and back-links: what a patient's device gives to those who may read.

use carechain_api::{BackLink, BackLinks, SignedWrap};
use carechain_crypto::{BackLink as Link, KeyBundle, MailInfo, SignedWrap as SealedWrap, WrapBody};
use carechain_domain::{Epochs, Grant, GrantId, LaneSet};

use crate::access::wrap_info;
use crate::device::{Device, crypto_lane};
use crate::error::ClientError;
use crate::platform::Platform;

impl<P: Platform> Device<P> {
    /// A wrap of a grant at some epochs, sealed to the grantee's proven key.
    pub(crate) async fn make_wrap(
        &self,
        grant: &Grant,
        epochs: Epochs,
    ) -> Result<SignedWrap, ClientError> {
        let (public, key_version) = self.public_key(grant.grantee).await?;
        let name = self.kept_name(grant.id).await?;
        let info = wrap_info(self.pins().id, grant, key_version, epochs);
        let body = WrapBody::of_grant(self.roots(), &info, name);
        let mut random = self.random()?;
        let sealed = SealedWrap::seal(
            &info,
            &body,
            &public,
            self.now(),
            self.signer(),
            &mut random,
        )
        .map_err(ClientError::crypto("seal a wrap"))?;
        random.check()?;
        Ok(SignedWrap {
            grant: grant.id,
            subject: grant.subject,
            grantee: grant.grantee,
            key_version,
            read: grant.lanes.read,
            write: grant.lanes.write,
            epochs: epochs.masked(grant.lanes.read),
            signed_at: sealed.signed_at,
            device: self.address(),
            sealed: sealed.sealed.into(),
            signature: sealed.signature.to_vec().into(),
        })
    }

    /// Keeps the name told in a grant's wraps for the next ones: in local storage, sealed to this subject's own key.
    pub(crate) async fn keep_name(&self, grant: GrantId, name: &str) -> Result<(), ClientError> {
        let public = KeyBundle::of(self.roots().current()).public;
        let mut random = self.random()?;
        let sealed = self
            .name_info(grant)
            .seal(&public, name.as_bytes(), &mut random)
            .map_err(ClientError::crypto("keep a name"))?;
        random.check()?;
        Ok(self
            .http
            .platform
            .save(&self.name_of(grant), &sealed)
            .await?)
    }

    async fn kept_name(&self, grant: GrantId) -> Result<Option<String>, ClientError> {
        let Some(sealed) = self.http.platform.load(&self.name_of(grant)).await? else {
            return Ok(None);
        };
        let name = self.name_info(grant).open(&self.kem(), &sealed).ok();
        Ok(name.and_then(|n| String::from_utf8(n.to_vec()).ok()))
    }

    fn name_of(&self, grant: GrantId) -> String {
        format!("name/{:x}/{:x}", self.subject().0, grant.0)
    }

    fn name_info(&self, grant: GrantId) -> MailInfo {
        let own = self.subject().0;
        let generation = self.roots().current().generation();
        MailInfo {
            recipient: own,
            recipient_key_version: generation,
            sender: own,
            topic: grant.0,
        }
    }

    /// The old lane keys under those of the next epochs.
    pub(crate) fn make_links(
        &self,
        epochs: Epochs,
        lanes: LaneSet,
    ) -> Result<BackLinks, ClientError> {
        let subject = self.subject().0;
        let root = self.roots().current();
        let mut random = self.random()?;
        let mut links = Vec::new();
        for lane in lanes.iter() {
            let epoch = epochs.of(lane);
            let number = crypto_lane(lane);
            let older = root.lane_key(&subject, number, epoch);
            let newer = root.lane_key(&subject, number, epoch + 1);
            let sealed = Link {
                subject,
                lane: number,
                epoch,
            }
            .seal(&newer, &older, &mut random)
            .map_err(ClientError::crypto("seal a back-link"))?;
            links.push(BackLink {
                lane,
                epoch,
                sealed: sealed.to_vec().into(),
            });
        }
        random.check()?;
        Ok(BackLinks { links })
    }
}

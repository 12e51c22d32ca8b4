//! Every address of the gateway, in one list, and the OpenAPI document made from it.
//!
//! docs/openapi.json is a committed copy; a test compares it with the handlers, so that a change of the interface is
//! seen in review.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Shared;
use crate::{
    blobs, chain, consent, directory, health, mail, notices, records, release, session, voucher,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Carechain gateway",
        description = "Ciphertext, wrapped keys and consent between people's devices. See docs/gateway.md for who may call what, and docs/records.md for the bytes.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(carechain_api::ReleaseHeader, carechain_api::ReleaseItem))
)]
struct Document;

fn addresses() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(voucher::node))
        .routes(routes!(voucher::voucher))
        .routes(routes!(voucher::claim))
        .routes(routes!(voucher::invitation))
        .routes(routes!(session::sign_in_nonce))
        .routes(routes!(
            session::session,
            session::sign_in,
            session::sign_out
        ))
        .routes(routes!(chain::head))
        .routes(routes!(chain::proof))
        .routes(routes!(chain::nonce))
        .routes(routes!(chain::receipt))
        .routes(routes!(chain::send))
        .routes(routes!(directory::directory))
        .routes(routes!(directory::subject))
        .routes(routes!(directory::put_key_bundle))
        .routes(routes!(directory::put_profile))
        .routes(routes!(directory::application, directory::put_application))
        .routes(routes!(directory::keyset, directory::put_keyset))
        .routes(routes!(blobs::upload))
        .routes(routes!(blobs::blob))
        .routes(routes!(records::stage))
        .routes(routes!(records::put_slots))
        .routes(routes!(records::receipts))
        .routes(routes!(release::release))
        .routes(routes!(consent::back_links, consent::put_back_links))
        .routes(routes!(consent::grants_of))
        .routes(routes!(consent::grants_to))
        .routes(routes!(consent::wrap, consent::put_wrap))
        .routes(routes!(consent::requests_to))
        .routes(routes!(consent::requests_by))
        .routes(routes!(mail::mail, mail::post_mail))
        .routes(routes!(mail::delete_mail))
        .routes(routes!(notices::notifications))
        .routes(routes!(notices::notifications_read))
        .routes(routes!(notices::stream))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
}

/// The router without its layers.
pub(crate) fn router() -> Router<Shared> {
    let (router, _) = addresses().split_for_parts();
    router
        .route("/", get(health::page))
        .route("/openapi.json", get(openapi))
}

/// The OpenAPI document as JSON text.
pub fn document() -> String {
    let (_, document) = addresses().split_for_parts();
    let mut text = document
        .to_pretty_json()
        .expect("a document of plain data can be written as JSON");
    text.push('\n');
    text
}

async fn openapi() -> Response {
    static DOCUMENT: std::sync::LazyLock<String> = std::sync::LazyLock::new(document);
    (
        [(axum::http::header::CONTENT_TYPE, "application/json")],
        DOCUMENT.as_str(),
    )
        .into_response()
}

//! Every code is reached, and no cause is told.
#![allow(clippy::unwrap_used)]
use super::*;
use std::collections::HashSet;

#[test]
fn every_code_has_one_status_and_its_own_text() {
    let texts: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(texts.len(), ErrorCode::ALL.len());
    for code in ErrorCode::ALL {
        assert!(
            StatusCode::from_u16(code.status()).unwrap().as_u16() >= 400,
            "{code:?}"
        );
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}

#[test]
fn every_code_is_reached_by_an_error() {
    use GatewayError as E;
    let errors = [
        E::field("f", "r"),
        E::Body(String::new()),
        E::Signature("s"),
        E::SignInRequired,
        E::Expired("e"),
        E::Replayed("n"),
        E::Denied("d"),
        E::GrantEnded,
        E::NotApproved("a"),
        E::WrongOrigin,
        E::not_found("x"),
        E::MethodNotAllowed,
        E::conflict("c"),
        E::Reverted {
            message: String::new(),
            revert: None,
        },
        E::TooLarge {
            what: "w",
            limit: 1,
        },
        E::UnsupportedMediaType("m"),
        E::TooManyRequests {
            retry_after_secs: 1,
        },
        E::Random,
        E::Lagging,
        E::Unavailable("u"),
        E::Timeout,
    ];
    let reached: HashSet<_> = errors.iter().map(GatewayError::code).collect();
    assert_eq!(reached, ErrorCode::ALL.iter().copied().collect());
    let messages: HashSet<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), errors.len());
}

#[test]
fn the_cause_of_a_failure_is_logged_and_not_told() {
    let error = GatewayError::from(VaultError::Unreadable { what: "slot" });
    assert!(error.causes().contains("a sealed slot does not open"));
    assert!(!error.body().message.contains("slot"));
    assert_eq!(error.code(), ErrorCode::Internal);
}

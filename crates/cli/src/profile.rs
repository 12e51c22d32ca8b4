//! Public profiles: `{"name","speciality","languages","place","about"}`, as the directory's filters expect them.
//!
//! A profile is public and served by its hash; unknown members of others' profiles are kept out of tables.

use serde::{Deserialize, Serialize};

use crate::args::ProfileFields;
use crate::error::CliError;

/// Bytes of a profile.
const MAX_BYTES: usize = carechain_api::MAX_PROFILE_BYTES;

/// What a profile says; everything may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) speciality: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) languages: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) about: Option<String>,
}

impl Profile {
    /// Reads a profile; one that is none says nothing.
    pub(crate) fn read(bytes: &[u8]) -> Profile {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    /// The profile with the fields that were given in the place of its own.
    pub(crate) fn with(mut self, fields: &ProfileFields) -> Profile {
        let pairs = [
            (&mut self.name, &fields.name),
            (&mut self.speciality, &fields.speciality),
            (&mut self.place, &fields.place),
            (&mut self.about, &fields.about),
        ];
        for (own, given) in pairs {
            if let Some(text) = given {
                *own = (!text.trim().is_empty()).then(|| text.trim().to_owned());
            }
        }
        if !fields.languages.is_empty() {
            self.languages.clone_from(&fields.languages);
        }
        self
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Profile::default()
    }

    /// Its bytes, to be published.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, CliError> {
        let bytes = serde_json::to_vec(self).expect("a profile is made of texts");
        if bytes.len() > MAX_BYTES {
            return Err(CliError::usage(
                "profile",
                format!("it is over {MAX_BYTES} bytes"),
            ));
        }
        Ok(bytes)
    }
}

impl ProfileFields {
    /// Whether nothing was given.
    pub(crate) fn is_empty(&self) -> bool {
        let texts = [&self.name, &self.speciality, &self.place, &self.about];
        texts.iter().all(|t| t.is_none()) && self.languages.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn given_fields_replace_and_empty_ones_remove() {
        let first = ProfileFields {
            name: Some(" Dr Rao ".into()),
            place: Some("Pune".into()),
            languages: vec!["en".into(), "mr".into()],
            ..ProfileFields::default()
        };
        let profile = Profile::default().with(&first);
        let change = ProfileFields {
            place: Some(String::new()),
            about: Some("x".into()),
            ..ProfileFields::default()
        };
        let profile = profile.with(&change);
        assert_eq!(
            String::from_utf8(profile.to_bytes().unwrap()).unwrap(),
            r#"{"name":"Dr Rao","languages":["en","mr"],"about":"x"}"#
        );
        assert_eq!(Profile::read(&profile.to_bytes().unwrap()), profile);
    }

    #[test]
    fn what_is_no_profile_says_nothing_and_a_large_one_is_refused() {
        assert!(Profile::read(b"[1]").is_empty());
        assert!(Profile::read(b"\xff").is_empty());
        let large = ProfileFields {
            about: Some("x".repeat(MAX_BYTES)),
            ..ProfileFields::default()
        };
        assert!(Profile::default().with(&large).to_bytes().is_err());
    }
}

//! Passwords, recovery words and codes: from a file, the environment, stdin, or a prompt without echo.
//!
//! They never come from arguments, are wiped when dropped, and are in no error.

use std::env;
use std::io::{self, IsTerminal};
use std::path::Path;

use carechain_crypto::{PASSWORD_MAX_BYTES, Words};
use zeroize::Zeroizing;

use crate::args::Global;
use crate::error::CliError;
use crate::files;

/// Environment variable that holds the password.
pub(crate) const PASSWORD_VARIABLE: &str = "CARECHAIN_PASSWORD";
/// Environment variable that holds the claim code.
pub(crate) const CLAIM_CODE_VARIABLE: &str = "CARECHAIN_CLAIM_CODE";
/// Bytes of a file of words.
const WORDS_MAX_BYTES: usize = 1_024;
/// Bytes of a file with a code.
const CODE_MAX_BYTES: usize = 256;

/// A secret text.
pub(crate) type Secret = Zeroizing<String>;

/// The password of an existing keyset.
pub(crate) fn password(global: &Global) -> Result<Secret, CliError> {
    match given_password(global)? {
        Some(password) => Ok(password),
        None => prompt("Password: "),
    }
}

/// The password of a keyset to be made: asked for twice.
pub(crate) fn new_password(global: &Global) -> Result<Secret, CliError> {
    match given_password(global)? {
        Some(password) => Ok(password),
        None => prompt_new(),
    }
}

/// A password to replace another: from its own file, or asked for twice.
pub(crate) fn replacement(file: Option<&Path>) -> Result<Secret, CliError> {
    match file {
        Some(path) => first_line(path),
        None => prompt_new(),
    }
}

fn prompt_new() -> Result<Secret, CliError> {
    let password = prompt("New password: ")?;
    if *prompt("The same again: ")? == *password {
        Ok(password)
    } else {
        Err(CliError::NoPassword("the two were not the same"))
    }
}

fn given_password(global: &Global) -> Result<Option<Secret>, CliError> {
    if let Some(path) = &global.password_file {
        return first_line(path).map(Some);
    }
    match env::var(PASSWORD_VARIABLE) {
        Ok(password) => checked(Zeroizing::new(password)).map(Some),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(CliError::NoPassword("CARECHAIN_PASSWORD is not UTF-8"))
        }
    }
}

fn first_line(path: &Path) -> Result<Secret, CliError> {
    let text = files::read_secret(path, PASSWORD_MAX_BYTES + 2)?;
    checked(Zeroizing::new(
        text.lines().next().unwrap_or_default().to_owned(),
    ))
}

fn checked(password: Secret) -> Result<Secret, CliError> {
    if password.is_empty() {
        Err(CliError::NoPassword("it is empty"))
    } else if password.len() > PASSWORD_MAX_BYTES {
        Err(CliError::NoPassword("it is over 1,024 bytes"))
    } else {
        Ok(password)
    }
}

fn prompt(question: &str) -> Result<Secret, CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::NoPassword(
            "stdin is not a terminal, so that it cannot be asked for",
        ));
    }
    let answer = rpassword::prompt_password(question)
        .map_err(|_| CliError::NoPassword("the terminal cannot be read"))?;
    checked(Zeroizing::new(answer))
}

/// The 24 words: from a file, from stdin where it is not a terminal, or asked for without echo.
pub(crate) fn words(file: Option<&Path>) -> Result<Words, CliError> {
    let text = match file {
        Some(path) => files::read_secret(path, WORDS_MAX_BYTES)?,
        None if !io::stdin().is_terminal() => files::read_secret(Path::new("-"), WORDS_MAX_BYTES)?,
        None => prompt("Your 24 words, separated by spaces (not shown): ")?,
    };
    Words::parse(&text).map_err(CliError::crypto("reading the words"))
}

/// An invitation code from a file, or from stdin for `-`.
pub(crate) fn invitation(file: &Path) -> Result<Secret, CliError> {
    Ok(Zeroizing::new(
        files::read_secret(file, CODE_MAX_BYTES)?.trim().to_owned(),
    ))
}

/// The claim code: as given, from the environment, from stdin where it is not a terminal, or asked for.
pub(crate) fn claim_code(given: Option<String>) -> Result<Secret, CliError> {
    let code = match (given, env::var(CLAIM_CODE_VARIABLE)) {
        (Some(code), _) | (None, Ok(code)) => Zeroizing::new(code),
        (None, Err(_)) if !io::stdin().is_terminal() => {
            files::read_secret(Path::new("-"), CODE_MAX_BYTES)?
        }
        (None, Err(_)) => prompt("Claim code: ")?,
    };
    let code = Zeroizing::new(code.trim().to_owned());
    if code.is_empty() {
        Err(CliError::usage("CODE", "it is empty"))
    } else {
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        for (content, password) in [
            ("pass word\n", "pass word"),
            ("é\r\nsecond", "é"),
            ("x", "x"),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(first_line(&path).unwrap().as_str(), password);
        }
        for bad in ["", "\nx"] {
            std::fs::write(&path, bad).unwrap();
            assert!(
                matches!(first_line(&path), Err(CliError::NoPassword(_))),
                "{bad:?}"
            );
        }
        std::fs::write(&path, "x".repeat(PASSWORD_MAX_BYTES + 1)).unwrap();
        assert!(first_line(&path).is_err());
    }

    #[test]
    fn words_with_a_mistake_are_refused_without_being_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w");
        std::fs::write(&path, "zebra ".repeat(23) + "secretword").unwrap();
        let error = words(Some(&path)).unwrap_err();
        assert!(error.message().contains("word 24"), "{}", error.message());
        assert!(!error.message().contains("secretword"));
    }
}

//! Demo people of a node: a patient with a generated chart, a doctor who may read parts of it, an administrator.
//!
//! Their keys are made by a process of their own, a client like any other, so that the node's process never holds a
//! person's key. Everything lies in DIR/demo: three keysets, their password, and `people.json` once all is done. Each
//! step looks first whether it was done, so that an interrupted start goes on where it stopped.

mod chart;
mod people;

use std::io;
use std::path::Path;
use std::process::Stdio;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::CliError;
use crate::files;
use crate::secrets::{CLAIM_CODE_VARIABLE, PASSWORD_VARIABLE, Secret};

pub(crate) use people::people;

/// Folder of the demo people within the data folder.
pub(crate) const DIR: &str = "demo";
/// File of their password.
pub(crate) const PASSWORD_FILE: &str = "password";
/// File that is written last.
const PEOPLE_FILE: &str = "people.json";
/// Bytes of these files at most.
const FILE_MAX_BYTES: u64 = 4_096;
/// Letters of the password, without those that look alike.
const PASSWORD_ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// Letters of the password: 100 bits.
const PASSWORD_CHARS: usize = 20;

/// The demo people of a node.
pub(crate) struct Demo {
    pub(crate) password: Secret,
    pub(crate) patient: String,
    pub(crate) patient_subject: String,
    pub(crate) doctor: String,
    pub(crate) administrator: String,
}

/// `people.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct People {
    patient: DemoPerson,
    doctor: DemoPerson,
    administrator: DemoPerson,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DemoPerson {
    name: String,
    subject: String,
}

/// Makes the demo people of the node at `url` unless they are there.
pub(crate) async fn ensure(
    data: &Path,
    url: &str,
    claim_code: Option<&str>,
) -> Result<Demo, CliError> {
    let dir = data.join(DIR);
    files::make_dir(&dir).map_err(CliError::file("making", &dir))?;
    let password = password(&dir)?;
    let people = match read_people(&dir)? {
        Some(people) => people,
        None => {
            spawn(&dir, url, claim_code, &password).await?;
            read_people(&dir)?
                .ok_or_else(|| CliError::Demo("they were not there at the end".to_owned()))?
        }
    };
    Ok(Demo {
        password,
        patient: people.patient.name,
        patient_subject: people.patient.subject,
        doctor: people.doctor.name,
        administrator: people.administrator.name,
    })
}

/// The password of this data folder's demo people: random, made once.
fn password(dir: &Path) -> Result<Secret, CliError> {
    let path = dir.join(PASSWORD_FILE);
    if let Some(bytes) = files::read(&path, FILE_MAX_BYTES)? {
        let text = Zeroizing::new(String::from_utf8_lossy(&bytes).trim().to_owned());
        if !text.is_empty() {
            return Ok(text);
        }
    }
    let mut random = Zeroizing::new([0; PASSWORD_CHARS]);
    getrandom::fill(random.as_mut_slice()).map_err(|_| CliError::Random)?;
    let mut text = Zeroizing::new(String::with_capacity(PASSWORD_CHARS + 1));
    text.extend(
        random
            .iter()
            .map(|b| char::from(PASSWORD_ALPHABET[usize::from(b % 32)])),
    );
    let line = Zeroizing::new(format!("{}\n", text.as_str()));
    files::write_durable(&path, line.as_bytes()).map_err(CliError::file("writing", &path))?;
    Ok(text)
}

fn read_people(dir: &Path) -> Result<Option<People>, CliError> {
    let path = dir.join(PEOPLE_FILE);
    let Some(bytes) = files::read(&path, FILE_MAX_BYTES)? else {
        return Ok(None);
    };
    match serde_json::from_slice(&bytes) {
        Ok(people) => Ok(Some(people)),
        Err(e) => Err(CliError::file("reading", &path)(io::Error::other(e))),
    }
}

/// Runs this program as a client of the node. Secrets go through its environment, never its arguments.
async fn spawn(
    dir: &Path,
    url: &str,
    claim_code: Option<&str>,
    password: &Secret,
) -> Result<(), CliError> {
    let failed = |e: io::Error| CliError::Demo(e.to_string());
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = tokio::process::Command::new(program);
    command
        .args(["demo-people", "--node", url, "--dir"])
        .arg(dir)
        .env(PASSWORD_VARIABLE, password.as_str())
        .env_remove(CLAIM_CODE_VARIABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        // Ctrl-C in the terminal is for the node, which then ends the child.
        .process_group(0)
        .kill_on_drop(true);
    if let Some(code) = claim_code {
        command.env(CLAIM_CODE_VARIABLE, code);
    }
    let status = command.status().await.map_err(failed)?;
    if status.success() {
        Ok(())
    } else {
        Err(CliError::Demo(format!("the client ended with {status}")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_password_is_made_once_and_differs_between_folders() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = password(one.path()).unwrap();
        assert_eq!(first.len(), PASSWORD_CHARS);
        assert_eq!(password(one.path()).unwrap(), first);
        assert_ne!(password(two.path()).unwrap(), first);
    }

    #[test]
    fn a_damaged_list_of_people_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_people(dir.path()).unwrap(), None);
        std::fs::write(dir.path().join(PEOPLE_FILE), b"{").unwrap();
        assert!(
            read_people(dir.path())
                .unwrap_err()
                .message()
                .contains(PEOPLE_FILE)
        );
    }
}

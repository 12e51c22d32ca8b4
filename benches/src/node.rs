//! A node as it ships, with an administrator.

use std::path::Path;

use carechain_testkit::{NodeProcess, Somebody, claim_code};
use tempfile::TempDir;

/// A running node in a temporary folder, and its administrator.
pub(crate) struct Node {
    pub(crate) process: NodeProcess,
    pub(crate) administrator: Somebody,
    pub(crate) dir: TempDir,
}

impl Node {
    /// Starts `program` on the disk of the temporary folder (set TMPDIR to choose it).
    pub(crate) async fn start(program: &Path) -> Node {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("node");
        let arguments = ["--listen", "127.0.0.1:0", "--chain-listen", "127.0.0.1:0"];
        let process = NodeProcess::start(program, &data, &arguments, &dir.path().join("log"));
        let administrator = Somebody::administrator(process.url(), &claim_code(&data)).await;
        Node {
            process,
            administrator,
            dir,
        }
    }

    pub(crate) fn url(&self) -> &str {
        self.process.url()
    }

    pub(crate) async fn patient(&self) -> Somebody {
        Somebody::patient(self.url()).await
    }

    pub(crate) async fn doctor(&self) -> Somebody {
        Somebody::doctor(self.url(), "Dr Asha Rao", &self.administrator).await
    }
}

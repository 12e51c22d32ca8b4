//! Runs the binary as a child process, each person with a keyset file of their own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The binary, with nothing of this process's environment that it looks at.
pub(crate) fn carechain() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carechain"));
    for name in ["NODE", "KEYSET", "PASSWORD", "CLAIM_CODE", "LOG"] {
        command.env_remove(format!("CARECHAIN_{name}"));
    }
    command.stdin(Stdio::null());
    command
}

/// Somebody with a folder and a keyset file in it.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    node: String,
    keyset: PathBuf,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn of(output: Output) -> Done {
        Done {
            code: output.status.code().expect("it ended by itself"),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It succeeded.
    pub(crate) fn ok(self) -> Done {
        assert_eq!(
            self.code,
            0,
            "stdout: {}\nstderr: {}",
            self.text(),
            self.stderr
        );
        self
    }

    /// It was refused, with this code on stderr.
    pub(crate) fn refused(self, code: &str) -> Done {
        assert_eq!(
            self.code,
            1,
            "stdout: {}\nstderr: {}",
            self.text(),
            self.stderr
        );
        assert_eq!(self.error()["code"], code, "{}", self.stderr);
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Each line of stdout as JSON.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let text = self.text();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a line is a JSON object"))
            .collect()
    }

    /// The last line of stdout as JSON.
    pub(crate) fn last(&self) -> Value {
        self.rows().pop().expect("there is a line")
    }

    /// `error` of the last line of stderr.
    pub(crate) fn error(&self) -> Value {
        let last = self.stderr.lines().last().expect("there is a line");
        serde_json::from_str::<Value>(last).expect("it is JSON")["error"].clone()
    }
}

impl Who {
    pub(crate) fn new(node: &str, dir: &Path, name: &str) -> Who {
        Who {
            node: node.to_owned(),
            keyset: dir.join(name),
        }
    }

    pub(crate) fn keyset(&self) -> &Path {
        &self.keyset
    }

    /// The command line with `--json`, the password in the environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = carechain();
        command
            .args(args)
            .arg("--json")
            .args(["--node", &self.node]);
        command
            .arg("--keyset")
            .arg(&self.keyset)
            .env("CARECHAIN_PASSWORD", PASSWORD);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        Done::of(self.command(args).output().unwrap())
    }

    /// Runs with a text on stdin.
    pub(crate) fn run_with(&self, args: &[&str], stdin: &str) -> Done {
        let mut command = self.command(args);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(stdin.as_bytes())
            .unwrap();
        Done::of(child.wait_with_output().unwrap())
    }

    /// Makes keys and registers them; gives the subject.
    pub(crate) fn join(&self, kind: &str) -> String {
        self.run(&["keys", "create"]).ok();
        self.run(&["register", kind]).ok().last()["subject"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// Writes a file into a folder and gives its path as text.
pub(crate) fn file(dir: &Path, name: &str, content: &[u8]) -> String {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A resource of the kind, with the id.
pub(crate) fn observation(id: &str, category: &str, code: &str, value: f64) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"{category}"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}],"text":"{code}"}},"effectiveDateTime":"2026-03-01","valueQuantity":{{"value":{value},"unit":"1"}}}}"#
    )
}

/// A patient resource.
pub(crate) fn person(id: &str, given: &str, family: &str, birth: &str) -> String {
    format!(
        r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{family}","given":["{given}"]}}],"gender":"female","birthDate":"{birth}"}}"#
    )
}

/// A collection Bundle of resources.
pub(crate) fn bundle(resources: &[String]) -> String {
    let entries: Vec<String> = resources
        .iter()
        .map(|r| format!(r#"{{ "resource" :  {r}  }}"#))
        .collect();
    format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#,
        entries.join(",\n")
    )
}

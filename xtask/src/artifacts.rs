//! `artifacts`: what cargo needs of the contracts, committed as JSON.
//!
//! Runs `forge build` and reduces its output to one file for each contract and interface of
//! contracts/src: name, ABI, bytecode and storage layout, with sorted keys and without anything
//! that changes when unrelated code does (source maps, syntax tree ids). So cargo builds without
//! Node and without a Solidity compiler, and `--check` notices a file that was not regenerated.
//! Refuses unlinked bytecode, two contracts of one name, and files that forge did not write.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

/// forge from npm. Its launcher in `.bin` swallows exit codes, so the program is called itself.
const FORGE: &str = "node_modules/@foundry-rs/forge-linux-amd64/bin/forge";

/// Whether to write the artifacts or to compare them with those committed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write what changed and remove what has no source any more.
    Write,
    /// Write nothing; fail on any difference.
    Check,
}

/// Builds the contracts and writes or checks contracts/artifacts.
pub(crate) fn run(root: &Path, mode: Mode) -> Result<()> {
    let contracts = root.join("contracts");
    forge_build(&contracts)?;
    let mut fresh = BTreeMap::new();
    for source in solidity_files(&contracts.join("src"))? {
        let text = fs::read_to_string(&source)
            .with_context(|| format!("cannot read {}", source.display()))?;
        for name in declarations(&text) {
            let artifact = artifact(&contracts, &source, name)?;
            let clash = fresh.insert(format!("{name}.json"), render(&artifact));
            ensure!(
                clash.is_none(),
                "two contracts of contracts/src are called {name}"
            );
        }
    }
    ensure!(!fresh.is_empty(), "no contract found in contracts/src");
    let folder = contracts.join("artifacts");
    let committed = read_committed(&folder)?;
    let drift = drift(&committed, &fresh);
    match mode {
        Mode::Check if drift.is_empty() => {
            println!("artifacts: {} files are up to date", fresh.len());
            Ok(())
        }
        Mode::Check => bail!(
            "contracts/artifacts differs from a fresh build; run `make contracts` and commit the \
             result:\n  {}",
            drift.join("\n  ")
        ),
        Mode::Write => write(&folder, &committed, &fresh, &drift),
    }
}

fn forge_build(contracts: &Path) -> Result<()> {
    let forge = contracts.join(FORGE);
    ensure!(
        forge.is_file(),
        "forge is not installed; run `npm ci` in contracts/, or `make contracts`, first"
    );
    let status = Command::new(&forge)
        .args(["build", "--skip", "test", "--skip", "script"])
        .current_dir(contracts)
        .status()
        .context("cannot start forge")?;
    ensure!(status.success(), "forge build failed");
    Ok(())
}

fn write(
    folder: &Path,
    committed: &BTreeMap<String, String>,
    fresh: &BTreeMap<String, String>,
    drift: &[String],
) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, text) in fresh {
        if committed.get(name) != Some(text) {
            fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
        }
    }
    for name in committed.keys().filter(|name| !fresh.contains_key(*name)) {
        fs::remove_file(folder.join(name)).with_context(|| format!("cannot remove {name}"))?;
    }
    for line in drift {
        println!("artifacts: wrote {line}");
    }
    println!("artifacts: {} files, {} changed", fresh.len(), drift.len());
    Ok(())
}

/// Every .sol file below `folder`, sorted.
fn solidity_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("cannot read folder {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sol") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Names of the contracts and interfaces that a source declares. `forge fmt` puts declarations at
/// the start of a line. Abstract contracts and libraries cannot be deployed or called: left out.
fn declarations(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| {
            line.strip_prefix("contract ")
                .or(line.strip_prefix("interface "))
        })
        .filter_map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

fn artifact(contracts: &Path, source: &Path, name: &str) -> Result<Value> {
    let relative = source
        .strip_prefix(contracts)
        .context("source outside contracts/")?;
    let file = source.file_name().context("source without a file name")?;
    let path = contracts
        .join("out")
        .join(file)
        .join(format!("{name}.json"));
    let text =
        fs::read_to_string(&path).with_context(|| format!("forge wrote no {}", path.display()))?;
    let output: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let target = &output["metadata"]["settings"]["compilationTarget"];
    ensure!(
        target[relative.to_string_lossy().as_ref()] == name,
        "{} was not built from {}: two sources of one file name? ({target})",
        path.display(),
        relative.display()
    );
    reduce(name, &output).with_context(|| format!("contract {name}"))
}

/// Keeps of forge's output what the program needs.
fn reduce(name: &str, output: &Value) -> Result<Value> {
    let abi = &output["abi"];
    ensure!(abi.is_array(), "output has no abi");
    Ok(json!({
        "name": name,
        "abi": abi,
        "bytecode": code(output, "bytecode")?,
        "deployedBytecode": code(output, "deployedBytecode")?,
        "storageLayout": storage_layout(&output["storageLayout"])?,
    }))
}

fn code(output: &Value, field: &str) -> Result<String> {
    let code = &output[field];
    let links = code["linkReferences"]
        .as_object()
        .is_some_and(|links| !links.is_empty());
    ensure!(
        !links,
        "{field} needs a linked library; make its functions internal"
    );
    let hex = code["object"]
        .as_str()
        .with_context(|| format!("{field} has no object"))?;
    Ok(hex.to_owned())
}

/// Keeps label, slot, offset and type, and names types by label: solc's own type names hold syntax
/// tree ids, which change with unrelated code.
fn storage_layout(layout: &Value) -> Result<Value> {
    let empty = Map::new();
    let types = layout["types"].as_object().unwrap_or(&empty);
    let label = |id: &Value| -> Result<Value> {
        let id = id.as_str().context("storage entry without a type")?;
        let label = types.get(id).and_then(|found| found.get("label"));
        label
            .cloned()
            .with_context(|| format!("storage layout lacks type {id}"))
    };
    let entries = |list: &Value| -> Result<Vec<Value>> {
        list.as_array()
            .map_or(&[] as &[Value], Vec::as_slice)
            .iter()
            .map(|entry| {
                Ok(json!({
                    "label": entry["label"],
                    "slot": entry["slot"],
                    "offset": entry["offset"],
                    "type": label(&entry["type"])?,
                }))
            })
            .collect()
    };
    let mut structs = Map::new();
    for (id, found) in types {
        if found.get("members").is_some() {
            let name = label(&Value::from(id.as_str()))?;
            let name = name.as_str().context("type without a label")?;
            structs.insert(name.to_owned(), Value::from(entries(&found["members"])?));
        }
    }
    Ok(json!({ "storage": entries(&layout["storage"])?, "structs": structs }))
}

/// Pretty JSON with sorted keys and a final newline, whatever features serde_json has.
fn render(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(&sorted(value)).expect("a JSON value has a text");
    text.push('\n');
    text
}

fn sorted(value: &Value) -> Value {
    if let Some(map) = value.as_object() {
        let ordered: BTreeMap<_, _> = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
        Value::Object(ordered.into_iter().collect())
    } else if let Some(list) = value.as_array() {
        Value::Array(list.iter().map(sorted).collect())
    } else {
        value.clone()
    }
}

fn read_committed(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
            files.insert(name, text);
        }
    }
    Ok(files)
}

/// One line for each file that differs, with the parts of it that do.
fn drift(committed: &BTreeMap<String, String>, fresh: &BTreeMap<String, String>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, new) in fresh {
        match committed.get(name) {
            None => lines.push(format!("contracts/artifacts/{name}: missing")),
            Some(old) if old != new => lines.push(format!(
                "contracts/artifacts/{name}: differs in {}",
                differing_fields(old, new).join(", ")
            )),
            Some(_) => {}
        }
    }
    for name in committed.keys().filter(|name| !fresh.contains_key(*name)) {
        lines.push(format!(
            "contracts/artifacts/{name}: has no source in contracts/src"
        ));
    }
    lines
}

fn differing_fields(old: &str, new: &str) -> Vec<String> {
    let parse = |text| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let (old, new) = (parse(old), parse(new));
    let mut fields: Vec<String> = new
        .keys()
        .filter(|key| old.get(*key) != new.get(*key))
        .cloned()
        .collect();
    if fields.is_empty() {
        fields.push("its text".to_owned());
    }
    fields
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn finds_contracts_and_interfaces_alone() {
        let text = "import {X} from \"./X.sol\";\n\n/// contract Comment\ncontract Records is X {\n    \
                    contract Inner\n}\nabstract contract Base {}\nlibrary Words {}\n\
                    interface IRecords {\n}\ncontract A{}\n";
        assert_eq!(declarations(text), ["Records", "IRecords", "A"]);
    }

    #[test]
    fn layout_names_types_by_label_and_keeps_struct_members() {
        let layout = json!({
            "storage": [{"astId": 9, "contract": "a", "label": "subjects", "offset": 0, "slot": "2",
                         "type": "t_mapping(t_bytes32,t_struct(Subject)77_storage)"}],
            "types": {
                "t_mapping(t_bytes32,t_struct(Subject)77_storage)":
                    {"label": "mapping(bytes32 => struct Directory.Subject)", "numberOfBytes": "32"},
                "t_struct(Subject)77_storage": {"label": "struct Directory.Subject", "members": [
                    {"astId": 1, "label": "root", "offset": 0, "slot": "0", "type": "t_address"},
                    {"astId": 2, "label": "kind", "offset": 20, "slot": "0", "type": "t_uint8"}]},
                "t_address": {"label": "address"},
                "t_uint8": {"label": "uint8"},
            }
        });
        let reduced = storage_layout(&layout).unwrap();
        assert_eq!(
            reduced["storage"][0]["type"],
            "mapping(bytes32 => struct Directory.Subject)"
        );
        assert_eq!(reduced["storage"][0]["slot"], "2");
        assert_eq!(
            reduced["structs"]["struct Directory.Subject"][1]["offset"],
            20
        );
        let text = render(&reduced);
        assert!(!text.contains("77") && !text.contains("astId"), "{text}");
    }

    #[test]
    fn layout_with_an_unknown_type_is_refused() {
        let layout = json!({"storage": [{"label": "a", "type": "t_gone"}], "types": {}});
        assert!(
            storage_layout(&layout)
                .unwrap_err()
                .to_string()
                .contains("t_gone")
        );
    }

    #[test]
    fn unlinked_bytecode_is_refused() {
        let output = json!({"abi": [], "bytecode": {"object": "0x60",
                            "linkReferences": {"src/L.sol": {"L": []}}}});
        assert!(
            reduce("A", &output)
                .unwrap_err()
                .to_string()
                .contains("linked library")
        );
    }

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let text = render(&json!({"b": [{"z": 1, "a": 2}], "a": 0}));
        assert_eq!(
            text,
            "{\n  \"a\": 0,\n  \"b\": [\n    {\n      \"a\": 2,\n      \"z\": 1\n    }\n  ]\n}\n"
        );
    }

    #[test]
    fn drift_names_the_file_and_the_field() {
        let file = |bytecode| render(&json!({"name": "A", "abi": [], "bytecode": bytecode}));
        let one = |name: &str, text: String| BTreeMap::from([(name.to_owned(), text)]);
        assert!(drift(&one("A.json", file("0x1")), &one("A.json", file("0x1"))).is_empty());
        let changed = drift(&one("A.json", file("0x1")), &one("A.json", file("0x2")));
        assert_eq!(changed, ["contracts/artifacts/A.json: differs in bytecode"]);
        let moved = drift(&one("Old.json", file("0x1")), &one("A.json", file("0x1")));
        assert_eq!(moved.len(), 2);
        assert!(
            moved[0].ends_with("A.json: missing") && moved[1].contains("Old.json: has no source")
        );
    }
}

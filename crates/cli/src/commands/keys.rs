//! `keys create | restore | show | password`.

use std::path::Path;

use carechain_client::{NewKeys, PasswordCost, create_keys, restore_keys};
use carechain_domain::Kind;
use serde_json::json;

use crate::context::Context;
use crate::error::CliError;
use crate::files;
use crate::secrets;

pub(super) async fn create(
    ctx: &Context,
    kind: Kind,
    words_file: Option<&Path>,
    index: u32,
) -> Result<(), CliError> {
    let path = ctx.vacant_keyset_path()?;
    let terminal = ctx.terminal(&path)?;
    let _lock = ctx.lock(&path)?;
    let given = words_file
        .map(|file| secrets::words(Some(file)))
        .transpose()?;
    let password = secrets::new_password(&ctx.global)?;
    let new = NewKeys {
        kind,
        index,
        words: given.as_ref(),
        password: &password,
        cost: PasswordCost::DEFAULT,
    };
    let keys = create_keys(terminal, new).await?;
    files::write_durable(&path, &keys.keyset).map_err(CliError::file("writing", &path))?;
    let words = given.is_none().then(|| keys.words.reveal());
    let words = words.as_ref().map(|w| w.as_str());
    let mut object = json!({
        "subject": keys.subject,
        "address": keys.address,
        "kind": kind,
        "index": index,
        "keyset": path,
    });
    if let Some(words) = words {
        object["words"] = words.into();
    }
    ctx.out.result(&object, || {
        let told = words.map_or_else(String::new, |words| {
            format!(
                "Write these 24 words down and keep them safe. They are the only way back to your record, they open \
                 everything, and they are not shown again:\n\n{}\n\n",
                numbered(words)
            )
        });
        format!("{told}subject  {}\nkeyset   {}\nNext: carechain register {kind}", keys.subject, path.display())
    })
}

/// The words in rows of six, each with its number.
fn numbered(words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    let mut out = String::new();
    for (row, six) in words.chunks(6).enumerate() {
        for (column, word) in six.iter().enumerate() {
            let number = row * 6 + column + 1;
            out.push_str(&format!("  {number:>2} {word:<10}"));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

pub(super) async fn restore(ctx: &Context, words_file: Option<&Path>) -> Result<(), CliError> {
    let path = ctx.vacant_keyset_path()?;
    let terminal = ctx.terminal(&path)?;
    let _lock = ctx.lock(&path)?;
    let words = secrets::words(words_file)?;
    let password = secrets::new_password(&ctx.global)?;
    ctx.out.remark(
        "nothing on this machine says which node is the right one: the node that answers now is trusted from here on",
    );
    let restored = restore_keys(terminal, &words, &password, PasswordCost::DEFAULT).await?;
    for (n, one) in restored.iter().enumerate() {
        // The first subject gets the file that was named, further ones a number after it.
        let file = if n == 0 {
            path.clone()
        } else {
            let mut name = path.clone().into_os_string();
            name.push(format!(".{}", one.index));
            name.into()
        };
        files::write_durable(&file, &one.keyset).map_err(CliError::file("writing", &file))?;
        let object = json!({
            "subject": one.subject,
            "address": one.address,
            "kind": one.kind,
            "index": one.index,
            "keyset": file,
        });
        ctx.out.result(&object, || {
            format!(
                "{} {}\n  keys of this machine in {}",
                one.kind,
                one.subject,
                file.display()
            )
        })?;
    }
    Ok(())
}

pub(super) fn show(ctx: &Context) -> Result<(), CliError> {
    let (path, keyset) = ctx.keyset()?;
    let header = keyset.header();
    let kind =
        Kind::try_from(header.kind as u8).map_err(|e| CliError::usage("keyset", e.to_string()))?;
    let object = json!({
        "subject": header.subject,
        "address": header.address,
        "kind": kind,
        "index": header.index,
        "chain_id": header.chain.id,
        "node_key": header.chain.node_key,
        "keyset": path,
    });
    ctx.out.result(&object, || {
        format!(
            "subject  {}\naddress  {}  (this device)\nkind     {kind}\nchain    {}\nnode     {}  (its key)\nkeyset   {}",
            header.subject,
            header.address,
            header.chain.id,
            header.chain.node_key,
            path.display()
        )
    })
}

pub(super) async fn password(ctx: &Context, new_file: Option<&Path>) -> Result<(), CliError> {
    let mut opened = ctx.device_as_it_is().await?;
    let new = secrets::replacement(new_file)?;
    let file = opened.device.change_password(&new, PasswordCost::DEFAULT)?;
    let path = ctx.keyset_path()?;
    files::write_durable(&path, &file).map_err(CliError::file("writing", &path))?;
    ctx.out.result(&json!({ "keyset": path }), || {
        format!(
            "{} opens with the new password; copies of the old file still open with the old one",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbered_in_rows() {
        let text = numbered("a b c d e f g");
        assert_eq!(text.lines().count(), 2);
        assert!(text.ends_with("   7 g"));
        assert!(text.starts_with("   1 a"));
    }
}

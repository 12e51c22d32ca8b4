//! One function a command: ask the client, print what it says.

mod admin;
mod consent;
mod import;
mod keys;
mod people;
mod receipts;
mod records;
mod requests;
mod watch;

use carechain_client::{ClientError, Device, Lie, PlatformError};

use crate::args::{Command, KeysCommand};
use crate::context::Context;
use crate::demo;
use crate::error::CliError;
use crate::output::Output;
use crate::platform::Terminal;

pub(crate) use import::media_type_of;
pub(crate) use people::enter;

/// Runs a command other than `node`.
pub(crate) async fn run(ctx: Context, command: Command) -> Result<(), CliError> {
    match command {
        Command::Node(args) => crate::node::run(&args, ctx.out),
        Command::Keys(KeysCommand::Create {
            kind,
            words_file,
            index,
        }) => keys::create(&ctx, kind, words_file.as_deref(), index).await,
        Command::Keys(KeysCommand::Restore { words_file }) => {
            keys::restore(&ctx, words_file.as_deref()).await
        }
        Command::Keys(KeysCommand::Show) => keys::show(&ctx),
        Command::Keys(KeysCommand::Password { new_password_file }) => {
            keys::password(&ctx, new_password_file.as_deref()).await
        }
        Command::Register(args) => people::register(&ctx, &args).await,
        Command::Profile(args) => people::profile(&ctx, &args).await,
        Command::Apply(args) => people::apply(&ctx, &args).await,
        Command::Admin(command) => admin::run(&ctx, command).await,
        Command::Directory(args) => people::directory(&ctx, &args).await,
        Command::Import(args) => import::import(&ctx, &args).await,
        Command::Attach(args) => import::attach(&ctx, &args).await,
        Command::Records(args) => records::list(&ctx, &args).await,
        Command::Get(args) => records::get(&ctx, &args).await,
        Command::View(args) => records::view(&ctx, &args).await,
        Command::Verify(args) => records::verify(&ctx, &args).await,
        Command::Request(args) => requests::request(&ctx, &args).await,
        Command::Requests(args) => requests::requests(&ctx, &args).await,
        Command::Answer(args) => requests::answer(&ctx, &args).await,
        Command::Grant(args) => consent::grant(&ctx, &args).await,
        Command::Revoke(args) => consent::revoke(&ctx, &args).await,
        Command::Access(args) => consent::access(&ctx, &args).await,
        Command::Receipts(args) => receipts::receipts(&ctx, &args).await,
        Command::Watch(args) => watch::watch(&ctx, &args).await,
        Command::Tend => tend(&ctx).await,
        Command::DemoPeople(args) => demo::people(&ctx, &args.dir).await,
    }
}

/// Finishes what is pending before a command. What cannot be finished now is told and does not stop the command,
/// unless the node lies or cannot be reached.
pub(crate) async fn tend_quietly(device: &Device<Terminal>, out: Output) -> Result<(), CliError> {
    match device.tend().await {
        Ok(tended) => {
            for (name, error) in &tended.resumed.stuck {
                out.remark(&format!("unfinished: {name}: {error}"));
            }
            Ok(())
        }
        Err(error @ (ClientError::Lie(_) | ClientError::Platform(PlatformError::Network(_)))) => {
            Err(error.into())
        }
        Err(error) => {
            out.remark(&format!(
                "not everything that was pending could be finished: {error}"
            ));
            Ok(())
        }
    }
}

async fn tend(ctx: &Context) -> Result<(), CliError> {
    let opened = ctx.device_as_it_is().await?;
    if opened.device.is_unregistered() {
        return Err(ClientError::NotRegistered.into());
    }
    let tended = opened.device.tend().await?;
    for (name, error) in &tended.resumed.stuck {
        ctx.out.remark(&format!("unfinished: {name}: {error}"));
    }
    let resumed = &tended.resumed;
    let stuck = resumed.stuck.len();
    let object = serde_json::json!({
        "finished": resumed.finished,
        "versions": resumed.versions,
        "conflicts": resumed.conflicts,
        "stuck": stuck,
        "moved": tended.moved,
        "slots": tended.slots,
        "wraps": tended.wraps,
    });
    ctx.out.result(&object, || {
        format!(
            "{} finished, {stuck} stuck; {} keys made for what others wrote, {} for those who have access",
            resumed.finished, tended.slots, tended.wraps
        )
    })
}

/// The name of a lie, such as `byte-changed`: its variant's.
pub(crate) fn lie_name(lie: &Lie) -> String {
    let debug = format!("{lie:?}");
    let variant = debug
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    let mut name = String::with_capacity(variant.len() + 4);
    for (i, c) in variant.chars().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lies_have_names() {
        assert_eq!(lie_name(&Lie::OtherBlob), "other-blob");
        assert_eq!(
            lie_name(&Lie::OlderHead { seen: 2, served: 1 }),
            "older-head"
        );
    }
}

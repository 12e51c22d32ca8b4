//! `watch`: notifications as they come.

use std::time::Duration;

use carechain_api::Notification;
use carechain_client::{ClientError, PlatformError};
use carechain_domain::Notice;

use crate::args::WatchArgs;
use crate::context::{Context, Opened};
use crate::error::CliError;
use crate::ids::short;
use crate::moment::utc;

/// Attempts to reach a node that went away, in a row.
const MAX_ATTEMPTS: u32 = 60;
/// Between two of them.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn watch(ctx: &Context, args: &WatchArgs) -> Result<(), CliError> {
    let opened = ctx.listener().await?;
    let mut printer = Printer {
        ctx,
        opened: &opened,
        args,
        last: args.after,
        left: args.count,
    };
    if args.now {
        for notification in opened.device.notifications(args.after).await? {
            if printer.print(&notification).await? {
                break;
            }
        }
        return Ok(());
    }
    let mut failures = 0;
    loop {
        match printer.follow(&mut failures).await {
            Ok(true) => return Ok(()),
            // The node closed the stream, or went away: it may be starting anew.
            Ok(false) => {}
            Err(error) if error.is_unreachable() => {}
            Err(error) => return Err(error),
        }
        failures += 1;
        if failures >= MAX_ATTEMPTS {
            let gone = PlatformError::Network("the node has been away for too long".to_owned());
            return Err(ClientError::from(gone).into());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

struct Printer<'a> {
    ctx: &'a Context,
    opened: &'a Opened,
    args: &'a WatchArgs,
    last: u64,
    left: Option<u64>,
}

impl Printer<'_> {
    /// Follows one stream to its end; `true` when enough was printed.
    async fn follow(&mut self, failures: &mut u32) -> Result<bool, CliError> {
        if self.left == Some(0) {
            return Ok(true);
        }
        let mut notices = self.opened.device.watch(self.last).await?;
        while let Some(notification) = notices.next().await? {
            *failures = 0;
            if self.print(&notification).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Prints one; `true` when enough was printed.
    async fn print(&mut self, notification: &Notification) -> Result<bool, CliError> {
        self.last = self.last.max(notification.id);
        self.ctx.out.result(notification, || text(notification))?;
        if self.args.mark_read {
            self.opened.device.mark_read(notification.id).await?;
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
        Ok(self.left == Some(0))
    }
}

fn text(notification: &Notification) -> String {
    let actor = notification
        .actor
        .map_or_else(|| "somebody".to_owned(), |a| short(a.0));
    let what = match notification.notice {
        Notice::AccessRequested => format!("{actor} asks for access: carechain requests"),
        Notice::RequestRefused => "your request was refused".to_owned(),
        Notice::RequestWithdrawn => format!("{actor} took a request back"),
        Notice::AccessGranted => format!("{actor} granted you access to {}", notification.subject),
        Notice::AccessEnded => format!("access to {} ended", short(notification.subject.0)),
        Notice::RecordAdded => format!(
            "{actor} wrote into your record: {}",
            short(notification.about)
        ),
        Notice::RecordAmended => format!("{actor} amended {}", short(notification.about)),
        Notice::RecordsOpened => format!("{actor} opened records of yours: carechain receipts"),
        Notice::ApplicationReceived => {
            format!("{actor} applies for approval: carechain admin list")
        }
        Notice::StatusChanged => "your status changed: carechain profile".to_owned(),
        Notice::DeviceAdded => "a device was added to your keys".to_owned(),
        Notice::DeviceRemoved => "a device was removed from your keys".to_owned(),
    };
    format!("{}  {what}", utc(notification.at))
}

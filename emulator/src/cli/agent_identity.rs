//! `vnetlab agent-identity HOST --out FOLDER`: what an agent on another machine needs to be known.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use control_link::Identity;
use goal_state::HostName;
use serde::Serialize;

use super::lab_choice::LabChoice;
use crate::authority::LIFETIME;
use crate::controller::client::Client;
use crate::controller::protocol::{Request, Response};
use crate::output::{self, Format, Show};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    lab: LabChoice,
    /// The host whose agent it is for. The lab's file need not have it yet.
    host: HostName,
    /// The folder for certificate, key and the lab's authority, as PEM files for their owner alone. Bring it to the other machine
    /// by a way that nobody else can read, and again before it expires: a running agent reads it for each controller that connects.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let lab = args.lab.choose()?;
    let mut controller = Client::connect(&lab.folder)?;
    let Response::AgentIdentity(mut issued) =
        controller.ask(Request::AgentIdentity { host: args.host.clone() })?
    else {
        bail!("the controller answers something else");
    };
    let part = |part: &mut Vec<u8>| std::mem::take(part);
    let certificate = part(&mut issued.certificate).into();
    let authority = part(&mut issued.authority).into();
    Identity::new(certificate, part(&mut issued.key).into(), authority).store(&args.out)?;
    let issued =
        Issued { host: args.host.to_string(), folder: args.out.clone(), seconds: LIFETIME.as_secs() };
    output::show(&issued, format).map(|()| ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Issued {
    host: String,
    folder: PathBuf,
    /// How long it is valid.
    #[serde(rename = "validSeconds")]
    seconds: u64,
}

impl Show for Issued {
    fn table(&self) -> String {
        let (folder, hours) = (self.folder.display(), self.seconds / 3600);
        format!(
            "identity of {} in {folder}, valid for {hours} hours; on its machine:\n  \
             vnetlab-agent --host {0} --listen IP:PORT --identity {folder} --state-dir FOLDER\n",
            self.host
        )
    }
}

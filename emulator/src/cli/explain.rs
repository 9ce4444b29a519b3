//! `vnetlab explain`: what becomes of a packet, from the model, and with `--prove` from the packet itself.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use anyhow::Result;
use goal_state::nsg::Access;
use model::effective::Policy;
use model::network::Network;
use model::verdict::{Egress, Explanation, IpProtocol, Question, Reason, Received};
use serde::Serialize;

use super::exec::network_of;
use super::network_choice::NetworkChoice;
use crate::output::{self, Columns, Format, Show};
use crate::proof::{Judgement, Prober, await_health, judge, not_carried};
use crate::refusal::refuse;

/// The packet did not meet the fate that the model foretells.
const DISAGREES: u8 = 3;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    network: NetworkChoice,
    /// Who sends: a VM (`web1`), one of its NICs (`fw/nic1`), an internet host (`internet/client`), a machine on premises
    /// (`seoul/erp`), a service, the address of one of them, or 168.63.129.16 for a health probe.
    #[arg(long)]
    from: String,
    /// Who receives: the same, or any other address. From the internet a VM means its public address.
    #[arg(long)]
    to: String,
    /// Tcp, Udp, Icmp, Esp, Ah or an IANA number [default: Tcp with a port, Icmp without].
    #[arg(long)]
    protocol: Option<IpProtocol>,
    /// The destination port.
    #[arg(long)]
    port: Option<u16>,
    /// The source port.
    #[arg(long)]
    source_port: Option<u16>,
    /// The source address, also one that is not the sender's.
    #[arg(long, value_name = "IP", conflicts_with = "prove")]
    source_ip: Option<Ipv4Addr>,
    /// Send a real packet and compare.
    #[arg(long, conflicts_with = "file")]
    prove: bool,
}

pub(super) fn run(args: &Args, format: Format) -> Result<ExitCode> {
    let answer = if args.prove {
        let lab = args.network.lab.choose()?;
        let mut prober = Prober::connect(&lab.folder)?;
        let loaded = network_of(&lab)?;
        await_health(&lab.folder, &loaded.network)?;
        Answer::proved(&loaded.network, args.question(), &mut prober)?
    } else {
        Answer::of_model(&args.network.load()?.network, &args.question())?
    };
    output::show(&answer, format)?;
    Ok(answer.exit_code())
}

impl Args {
    fn question(&self) -> Question {
        let default = if self.port.is_some() { IpProtocol::TCP } else { IpProtocol::ICMP };
        Question {
            from: self.from.clone(),
            to: self.to.clone(),
            protocol: self.protocol.unwrap_or(default),
            port: self.port,
            source_port: self.source_port,
            source_ip: self.source_ip,
        }
    }
}

/// The model's answer to a question; of equal ways the first.
///
/// # Errors
/// A refusal when the question names nobody, or leaves something out.
pub(super) fn ask(network: &Network, question: &Question) -> Result<Explanation> {
    model::verdict::explain(&Policy::new(network), question).map_err(refuse)
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    explanation: Explanation,
    /// In what model and packet disagree.
    #[serde(skip)]
    differences: Vec<String>,
}

impl Answer {
    fn of_model(network: &Network, question: &Question) -> Result<Self> {
        Ok(Self { explanation: ask(network, question)?, differences: Vec::new() })
    }

    fn proved(network: &Network, mut question: Question, prober: &mut Prober) -> Result<Self> {
        question.source_port.get_or_insert_with(|| prober.source_port());
        let explanations = model::verdict::explain_all(&Policy::new(network), &question).map_err(refuse)?;
        if let Some(what) = not_carried(&explanations) {
            return Err(refuse(format!("nothing can be proved: packets are not carried yet by {what}")));
        }
        let observations = prober.probe(network, &[&explanations])?;
        let judged = observations.first().map(|observation| judge(&explanations, observation));
        match judged {
            Some(Ok((explanation, Judgement { proof, differences, .. }))) => {
                let explanation = Explanation { proof: Some(proof), ..explanation.clone() };
                Ok(Self { explanation, differences })
            }
            Some(Err(error)) => anyhow::bail!("the packet could not be sent: {error}"),
            None => anyhow::bail!("the packet was not sent"),
        }
    }

    fn exit_code(&self) -> ExitCode {
        match &self.explanation {
            Explanation { proof: Some(proof), .. } if !proof.agrees => ExitCode::from(DISAGREES),
            Explanation { verdict: Access::Allow, .. } => ExitCode::SUCCESS,
            Explanation { verdict: Access::Deny, .. } => ExitCode::FAILURE,
        }
    }
}

impl Show for Answer {
    fn table(&self) -> String {
        let Explanation { from, to, protocol, port, verdict, reason, path, .. } = &self.explanation;
        let port = port.map(|port| format!(" {port}")).unwrap_or_default();
        let mut text = format!("{from} to {to}, {protocol}{port}: {verdict:?}\n");
        if let Some(reason) = reason {
            text += &format!("  because of {}\n", describe_reason(reason));
        }
        text += &format!("  path: {}\n", path.join(" → "));
        text += &format!("\n{}", table_of_steps(&self.explanation));
        text += &describe_ends(&self.explanation);
        text += &self.describe_proof();
        text
    }
}

/// `nsg-app/deny-inbound (networkSecurityGroup, Inbound) at app1`.
pub(super) fn describe_reason(Reason { layer, resource, rule, direction, at }: &Reason) -> String {
    let names: Vec<_> = [resource, rule].into_iter().flatten().map(String::as_str).collect();
    let direction = direction.map(|direction| format!(", {direction}")).unwrap_or_default();
    if names.is_empty() {
        format!("{layer}{direction} at {at}")
    } else {
        format!("{} ({layer}{direction}) at {at}", names.join("/"))
    }
}

fn table_of_steps(explanation: &Explanation) -> String {
    let mut columns = Columns::new(["AT", "STAGE", "DIRECTION", "RESOURCE", "RULE", "OUTCOME", "DETAIL"]);
    for step in &explanation.steps {
        columns.row([
            step.at.clone(),
            step.stage.to_string(),
            step.direction.map(|direction| direction.to_string()).unwrap_or_default(),
            step.resource.clone().unwrap_or_default(),
            step.rule.clone().unwrap_or_default(),
            format!("{:?}", step.outcome),
            step.detail.clone(),
        ]);
    }
    columns.to_string()
}

fn describe_ends(explanation: &Explanation) -> String {
    let mut text = String::new();
    let arrival = |text: &mut String, what: &str, received: &Received| {
        let Received { at, source, destination } = received;
        let _ = writeln!(text, "{what} {at} as {source} → {destination}");
    };
    if let Some(egress) = &explanation.egress {
        text += &format!("\nleaves by {}\n", describe_egress(egress));
    }
    if let Some(received) = &explanation.received {
        text.push('\n');
        arrival(&mut text, "received at", received);
    }
    if let Some(reply) = &explanation.reply {
        match (&reply.reason, &reply.received) {
            (Some(reason), _) => text += &format!("the reply is denied by {}\n", describe_reason(reason)),
            (None, Some(received)) => arrival(&mut text, "the reply comes back to", received),
            (None, None) => {}
        }
    }
    text
}

/// `natGateway egress as 20.200.0.9`.
fn describe_egress(egress: &Egress) -> String {
    let Egress { method, resource, source_address, allocated_outbound_ports } = egress;
    let resource = resource.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let address = source_address.map(|address| format!(" as {address}")).unwrap_or_default();
    let ports = allocated_outbound_ports.map(|ports| format!(", {ports} ports")).unwrap_or_default();
    format!("{}{resource}{address}{ports}", method.as_str())
}

impl Answer {
    fn describe_proof(&self) -> String {
        let Some(proof) = &self.explanation.proof else { return String::new() };
        if !proof.agrees {
            let differences: String =
                self.differences.iter().map(|difference| format!("  {difference}\n")).collect();
            return format!("\nproof: the packet DISAGREES ({:?})\n{differences}", proof.verdict);
        }
        let seen = match &proof.observed {
            None => String::new(),
            Some(observed) => {
                let rule = observed.rule.as_ref().map(|rule| format!(" by {rule}")).unwrap_or_default();
                format!(", dropped{rule} at {}", observed.at)
            }
        };
        format!("\nproof: a real packet agrees: {:?}{seen}\n", proof.verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(port: u16) -> Answer {
        let question = Question {
            from: "web".into(),
            to: "db".into(),
            protocol: IpProtocol::TCP,
            port: Some(port),
            source_port: None,
            source_ip: None,
        };
        Answer::of_model(&crate::test_run::tests::network(), &question).unwrap()
    }

    #[test]
    fn an_explanation_reads_like_this() {
        insta::assert_snapshot!("denied", answer(22).table());
        insta::assert_snapshot!("allowed", answer(80).table());
        insta::assert_json_snapshot!("denied_json", answer(22));
        assert!(serde_saphyr::to_string(&answer(22)).unwrap().contains("verdict: Deny"));
    }

    #[test]
    fn a_proof_that_disagrees_says_how() {
        use model::verdict::Proof;
        let mut answer = answer(80);
        answer.explanation.proof = Some(Proof { verdict: Access::Deny, agrees: false, observed: None });
        answer.differences = vec!["the model says Allow, the packet Deny: nothing came back".into()];
        let table = answer.table();
        assert!(
            table.ends_with("DISAGREES (Deny)\n  the model says Allow, the packet Deny: nothing came back\n")
        );
        assert_eq!(format!("{:?}", answer.exit_code()), format!("{:?}", ExitCode::from(3)));
    }
}

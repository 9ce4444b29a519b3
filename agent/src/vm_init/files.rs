//! The VM's own view of the file system: /proc, /run, names.
//!
//! The rest is the machine's. What the lab keeps in /run (namespaces, sockets) is hidden, so that a VM cannot reach
//! out of itself.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use goal_state::vm::Guest;
use linux_net::sandbox::mounts;

/// Where the VM's own /etc/hosts and /etc/resolv.conf really are, seen from inside.
const FOLDER: &str = "run/vnetlab-guest";

/// Arranges the mounts of this process's mount namespace.
pub(super) fn arrange(guest: &Guest) -> Result<()> {
    mounts::make_private()?;
    // Not only hidden: a copy of a mount keeps a namespace alive that the lab has removed.
    if let Err(error) = mounts::detach(Path::new("/run")) {
        tracing::debug!(%error, "/run is not a mount of its own");
    }
    mounts::tmpfs(Path::new("/run"), 0o755)?;
    mounts::proc(Path::new("/proc"))?;
    if let Err(error) = mounts::sysfs(Path::new("/sys")) {
        tracing::info!(%error, "no /sys of its own");
    }
    fs::create_dir_all(Path::new("/").join(FOLDER)).context("making a folder for names")?;
    write_names(Path::new("/"), guest).context("writing names")?;
    for (source, target) in [("hosts", "/etc/hosts"), ("resolv.conf", "/etc/resolv.conf")] {
        put_over(&Path::new("/").join(FOLDER).join(source), Path::new(target))?;
    }
    Ok(())
}

/// Writes the VM's names. `root` is /, or a running VM's root seen from outside.
pub(crate) fn write_names(root: &Path, guest: &Guest) -> io::Result<()> {
    fs::write(root.join(FOLDER).join("hosts"), hosts(guest))?;
    fs::write(root.join(FOLDER).join("resolv.conf"), resolv_conf(guest))
}

fn hosts(guest: &Guest) -> String {
    let mut text = String::from("127.0.0.1 localhost\n");
    for (address, names) in &guest.hosts {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{address} {names}");
    }
    text
}

fn resolv_conf(guest: &Guest) -> String {
    let servers = guest.dns_servers.iter().map(|server| format!("nameserver {server}\n"));
    servers.chain(guest.dns_suffix.iter().map(|suffix| format!("search {suffix}\n"))).collect()
}

/// Binds `source` over `target`. A target that is a link into /run, which is empty now, is made there.
fn put_over(source: &Path, target: &Path) -> Result<()> {
    let place = follow(target);
    if !place.exists() {
        if !place.starts_with("/run") {
            tracing::info!(target = %place.display(), "not there, so the VM has none");
            return Ok(());
        }
        let parent = place.parent().context("a file in /run has a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        fs::write(&place, "").with_context(|| format!("making {}", place.display()))?;
    }
    Ok(mounts::bind(source, &place)?)
}

/// Where a link leads, one step; systemd's and resolvconf's are one step.
fn follow(path: &Path) -> PathBuf {
    let Ok(link) = fs::read_link(path) else { return path.to_owned() };
    let mut place = path.parent().unwrap_or(Path::new("/")).to_owned();
    for part in link.components() {
        match part {
            std::path::Component::RootDir => place = PathBuf::from("/"),
            std::path::Component::ParentDir => drop(place.pop()),
            std::path::Component::Normal(name) => place.push(name),
            std::path::Component::CurDir | std::path::Component::Prefix(_) => {}
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_the_guest_reads_them() {
        let guest = Guest {
            hosts: vec![([10, 0, 0, 4].into(), "web1 web1.internal".into())],
            dns_servers: vec![[168, 63, 129, 16].into()],
            dns_suffix: Some("x.ax.internal.cloudapp.net".into()),
            ..Guest::default()
        };
        assert_eq!(hosts(&guest), "127.0.0.1 localhost\n10.0.0.4 web1 web1.internal\n");
        assert_eq!(resolv_conf(&guest), "nameserver 168.63.129.16\nsearch x.ax.internal.cloudapp.net\n");
    }

    #[test]
    fn a_relative_link_is_followed_from_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("resolv.conf");
        std::os::unix::fs::symlink("../run/systemd/stub", &link).unwrap();
        assert_eq!(follow(&link), folder.path().parent().unwrap().join("run/systemd/stub"));
    }
}

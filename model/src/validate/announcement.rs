//! What BGP speakers outside of Azure's control announce. It is input of others: whatever it is, it is never an error.

use ipnet::Ipv4Net;

use crate::network::{Announcement, BgpSpeaker};
use crate::topology::{AnnouncedRoute, Spanned};

/// A speaker that announces what the file says, or else the prefixes of its site.
pub(super) fn speaker(
    asn: u32,
    routes: Option<&[Spanned<AnnouncedRoute>]>,
    site: Option<&[Ipv4Net]>,
) -> BgpSpeaker {
    let typed = routes.map(|routes| routes.iter().map(|route| announcement(asn, &route.value)).collect());
    let of_site = || site.into_iter().flatten().map(|prefix| own(asn, *prefix)).collect();
    BgpSpeaker { asn, routes: typed.unwrap_or_else(of_site) }
}

fn announcement(asn: u32, route: &AnnouncedRoute) -> Announcement {
    match route {
        AnnouncedRoute::WithPath(route) if !route.as_path.is_empty() => Announcement {
            prefix: route.network.value.0,
            as_path: route.as_path.iter().map(|asn| asn.value).collect(),
        },
        AnnouncedRoute::WithPath(route) => own(asn, route.network.value.0),
        AnnouncedRoute::Prefix(prefix) => own(asn, prefix.0),
    }
}

fn own(asn: u32, prefix: Ipv4Net) -> Announcement {
    Announcement { prefix, as_path: vec![asn] }
}

//! Which addresses a system may be reached at: a pure decision over the *resolved* address, so that
//! a name that an attacker controls cannot lead into the engine's own network.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is refused unless the administrator granted it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// `127.0.0.0/8`, `::1`.
    Loopback,
    /// RFC 1918, carrier-grade NAT, unique local IPv6.
    Private,
    /// `169.254.0.0/16`, `fe80::/10`, `fec0::/10`.
    LinkLocal,
    /// A cloud's metadata service: hands out credentials of the machine to whoever asks.
    Metadata,
    /// `0.0.0.0/8`, `::`: reaches the machine itself.
    Unspecified,
    /// Multicast and broadcast.
    Multicast,
    /// IPv6 that carries an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) and so would
    /// slip past every rule above.
    EmbeddedIpv4,
    /// Reserved for documentation, benchmarks or the future.
    Reserved,
}

impl Refusal {
    /// For messages.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address (the engine's own machine)",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud metadata service",
            Self::Unspecified => "an unspecified address (the engine's own machine)",
            Self::Multicast => "a multicast or broadcast address",
            Self::EmbeddedIpv4 => "an IPv6 address that hides an IPv4 address",
            Self::Reserved => "a reserved address",
        }
    }
}

/// The addresses an administrator granted a system.
#[derive(Clone, Debug, Default)]
pub struct AddressGrants {
    nets: Vec<IpNet>,
}

impl AddressGrants {
    /// Reads `grants.addresses`: single addresses and CIDR blocks. The error names the bad one.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        let mut nets = Vec::with_capacity(texts.len());
        for text in texts {
            let text = text.trim();
            let net = match text.parse::<IpAddr>() {
                Ok(address) => IpNet::from(address),
                Err(_) => text.parse::<IpNet>().map_err(|_| {
                    format!(
                        "{text:?} is no IP address and no CIDR block: write it like \"127.0.0.1\" or \"10.0.0.0/8\""
                    )
                })?,
            };
            nets.push(net);
        }
        Ok(Self { nets })
    }

    /// A metadata service must be granted by its very address: whoever grants a whole block does not
    /// have it in mind.
    fn covers(&self, address: IpAddr, refusal: Refusal) -> bool {
        self.nets.iter().any(|net| match refusal {
            Refusal::Metadata => net.prefix_len() == net.max_prefix_len() && net.addr() == address,
            _ => net.contains(&address),
        })
    }
}

/// Whether a connection to this address may be opened. An IPv4-mapped address is not the IPv4
/// address it carries: a grant for the one is none for the other.
pub fn decide(address: IpAddr, grants: &AddressGrants) -> Result<(), Refusal> {
    match classify(address) {
        Some(refusal) if !grants.covers(address, refusal) => Err(refusal),
        _ => Ok(()),
    }
}

fn classify(address: IpAddr) -> Option<Refusal> {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

fn classify_v4(address: Ipv4Addr) -> Option<Refusal> {
    let [a, b, c, _] = address.octets();
    // AWS, Azure, Google, Oracle and others; Alibaba; Azure's platform address.
    if address == Ipv4Addr::new(169, 254, 169, 254)
        || address == Ipv4Addr::new(169, 254, 170, 2)
        || address == Ipv4Addr::new(100, 100, 100, 200)
        || address == Ipv4Addr::new(168, 63, 129, 16)
    {
        return Some(Refusal::Metadata);
    }
    match (a, b, c) {
        (0, ..) => Some(Refusal::Unspecified),
        (127, ..) => Some(Refusal::Loopback),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Some(Refusal::Private),
        (169, 254, _) => Some(Refusal::LinkLocal),
        (224..=239, ..) => Some(Refusal::Multicast),
        _ if address.is_broadcast() => Some(Refusal::Multicast),
        (240..=255, ..)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18..=19, _)
        | (198, 51, 100)
        | (203, 0, 113) => Some(Refusal::Reserved),
        _ => None,
    }
}

fn classify_v6(address: Ipv6Addr) -> Option<Refusal> {
    if address == Ipv6Addr::UNSPECIFIED {
        return Some(Refusal::Unspecified);
    }
    if address == Ipv6Addr::LOCALHOST {
        return Some(Refusal::Loopback);
    }
    // The metadata services of AWS and Google over IPv6.
    if address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        || address == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)
    {
        return Some(Refusal::Metadata);
    }
    match address.segments() {
        // Compatible ::a.b.c.d, mapped ::ffff:a.b.c.d, translated ::ffff:0:a.b.c.d.
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => {
            Some(Refusal::EmbeddedIpv4)
        }
        // NAT64 well-known and local prefixes, 6to4, Teredo.
        [0x64, 0xff9b, ..] | [0x2002, ..] | [0x2001, 0, ..] => Some(Refusal::EmbeddedIpv4),
        [first, ..] if first & 0xffc0 == 0xfe80 || first & 0xffc0 == 0xfec0 => Some(Refusal::LinkLocal),
        [first, ..] if first & 0xfe00 == 0xfc00 => Some(Refusal::Private),
        [first, ..] if first & 0xff00 == 0xff00 => Some(Refusal::Multicast),
        [0x2001, 0xdb8, ..] | [0x100, 0, 0, 0, ..] | [0x3fff, 0..=0xfff, ..] | [0x5f00, ..] => {
            Some(Refusal::Reserved)
        }
        // Global unicast is 2000::/3; the rest is not assigned.
        [first, ..] if first & 0xe000 != 0x2000 => Some(Refusal::Reserved),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(texts: &[&str]) -> AddressGrants {
        AddressGrants::parse(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn every_refused_range_at_its_edges() {
        use Refusal::*;
        let table: &[(&str, Option<Refusal>)] = &[
            ("0.0.0.0", Some(Unspecified)),
            ("0.255.255.255", Some(Unspecified)),
            ("1.0.0.0", None),
            ("9.255.255.255", None),
            ("10.0.0.0", Some(Private)),
            ("10.255.255.255", Some(Private)),
            ("11.0.0.0", None),
            ("100.63.255.255", None),
            ("100.64.0.0", Some(Private)),
            ("100.100.100.200", Some(Metadata)),
            ("100.127.255.255", Some(Private)),
            ("100.128.0.0", None),
            ("126.255.255.255", None),
            ("127.0.0.1", Some(Loopback)),
            ("127.255.255.255", Some(Loopback)),
            ("128.0.0.0", None),
            ("168.63.129.16", Some(Metadata)),
            ("169.253.255.255", None),
            ("169.254.0.1", Some(LinkLocal)),
            ("169.254.169.254", Some(Metadata)),
            ("169.254.170.2", Some(Metadata)),
            ("169.255.0.0", None),
            ("172.15.255.255", None),
            ("172.16.0.0", Some(Private)),
            ("172.31.255.255", Some(Private)),
            ("172.32.0.0", None),
            ("192.0.0.8", Some(Reserved)),
            ("192.0.2.1", Some(Reserved)),
            ("192.167.255.255", None),
            ("192.168.0.1", Some(Private)),
            ("192.169.0.0", None),
            ("198.18.0.1", Some(Reserved)),
            ("198.51.100.1", Some(Reserved)),
            ("203.0.113.1", Some(Reserved)),
            ("223.255.255.255", None),
            ("224.0.0.1", Some(Multicast)),
            ("239.255.255.255", Some(Multicast)),
            ("240.0.0.1", Some(Reserved)),
            ("255.255.255.255", Some(Multicast)),
            ("8.8.8.8", None),
            ("::", Some(Unspecified)),
            ("::1", Some(Loopback)),
            ("::2", Some(EmbeddedIpv4)),
            ("::7f00:1", Some(EmbeddedIpv4)),
            ("::ffff:127.0.0.1", Some(EmbeddedIpv4)),
            ("::ffff:8.8.8.8", Some(EmbeddedIpv4)),
            ("::ffff:0:127.0.0.1", Some(EmbeddedIpv4)),
            ("64:ff9b::7f00:1", Some(EmbeddedIpv4)),
            ("64:ff9b:1::a00:1", Some(EmbeddedIpv4)),
            ("2002:7f00:1::", Some(EmbeddedIpv4)),
            ("2001:0:4136:e378::1", Some(EmbeddedIpv4)),
            ("fe80::1", Some(LinkLocal)),
            ("febf::1", Some(LinkLocal)),
            ("fec0::1", Some(LinkLocal)),
            ("fc00::1", Some(Private)),
            ("fdff::1", Some(Private)),
            ("fd00:ec2::254", Some(Metadata)),
            ("fd20:ce::254", Some(Metadata)),
            ("ff02::1", Some(Multicast)),
            ("2001:db8::1", Some(Reserved)),
            ("100::1", Some(Reserved)),
            ("4000::1", Some(Reserved)),
            ("2606:4700::1111", None),
            ("2a00:1450:4001::1", None),
        ];
        for (text, expected) in table {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(decide(address, &AddressGrants::default()).err(), *expected, "{text}");
        }
    }

    #[test]
    fn a_grant_opens_what_it_names_and_nothing_else() {
        let table: &[(&[&str], &str, bool)] = &[
            (&["127.0.0.1"], "127.0.0.1", true),
            (&["127.0.0.1"], "127.0.0.2", false),
            (&["127.0.0.1"], "::ffff:127.0.0.1", false),
            (&["127.0.0.1"], "::1", false),
            (&["::ffff:127.0.0.1"], "::ffff:127.0.0.1", true),
            (&["10.0.0.0/8"], "10.9.8.7", true),
            (&["10.0.0.0/8"], "192.168.0.1", false),
            (&["10.1.0.0/16", "fd00::/8"], "fd12::1", true),
            (&["169.254.0.0/16"], "169.254.1.1", true),
            (&["169.254.0.0/16"], "169.254.169.254", false),
            (&["0.0.0.0/0"], "169.254.169.254", false),
            (&["0.0.0.0/0"], "127.0.0.1", true),
            (&["169.254.169.254"], "169.254.169.254", true),
            (&["169.254.169.254/32"], "169.254.169.254", true),
        ];
        for (granted, address, allowed) in table {
            let decision = decide(address.parse().unwrap(), &grants(granted));
            assert_eq!(decision.is_ok(), *allowed, "{granted:?} {address}");
        }
    }

    #[test]
    fn a_bad_grant_is_named() {
        for text in ["localhost", "10.0.0.0/40", "", "10.0.0.0-10.0.0.9"] {
            let error = AddressGrants::parse(&[text.to_owned()]).unwrap_err();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}

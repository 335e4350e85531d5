//! Which failures the reference product repeats, connector by connector: pure decisions, for systems whose
//! property `ips.failed.request.retry.mode` is `parity`.

use gangway_model::System;
use gangway_model::ports::Reading;
use reqwest::Method;

/// What stands at the other end, as the property `ips.system.type` names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Connector {
    IdentityAuthentication,
    EntraId,
    AnalyticsCloud,
    Xsuaa,
    SalesServiceCloud,
    SuccessFactors,
    Jam,
    ScimSystem,
    WorkZoneAdvanced,
    WorkZoneStandard,
    Other,
}

impl Connector {
    /// By the system's type; without one the plugin tells a SCIM system from the rest.
    pub(crate) fn of(system: &System) -> Self {
        let name = system.property("ips.system.type").unwrap_or_default();
        let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        match name.to_ascii_lowercase().as_str() {
            "ias" | "identityauthentication" => Self::IdentityAuthentication,
            "entraid" | "azuread" | "microsoftentraid" => Self::EntraId,
            "sac" | "analyticscloud" | "sapanalyticscloud" => Self::AnalyticsCloud,
            "xsuaa" => Self::Xsuaa,
            "c4c" | "salesservicecloud" | "salesandservicecloud" => Self::SalesServiceCloud,
            "successfactors" | "sfsf" => Self::SuccessFactors,
            "jam" | "sapjam" => Self::Jam,
            "workzoneadvanced" | "workzone" => Self::WorkZoneAdvanced,
            "workzonestandard" => Self::WorkZoneStandard,
            "" if system.plugin.as_str() == "scim2" => Self::ScimSystem,
            "scim" | "scimsystem" => Self::ScimSystem,
            _ => Self::Other,
        }
    }

    /// All connectors of the table but those of protocols of their own.
    fn is_scim_based(self) -> bool {
        !matches!(self, Self::Other | Self::EntraId)
    }
}

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    /// A change; a PATCH or another.
    Write { patch: bool },
    /// A read.
    Read(Reading),
}

impl Call {
    /// By method and path: a SCIM search is a read although it is a POST.
    pub(crate) fn of(method: &Method, path: &str, reading: Reading) -> Self {
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) || path.ends_with("/.search") {
            Self::Read(reading)
        } else {
            Self::Write { patch: *method == Method::PATCH }
        }
    }
}

/// What went wrong, as far as the table knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exception {
    Timeout,
    TooManyRequests,
    BadGateway,
    Forbidden,
}

/// Whether the reference product sends the request again.
pub(crate) fn repeats(connector: Connector, call: Call, exception: Exception) -> bool {
    use Connector as C;
    match (exception, call) {
        (Exception::Timeout, Call::Write { .. }) => true,
        (Exception::Timeout, Call::Read(reading)) => reading == Reading::Full,
        (Exception::TooManyRequests, Call::Write { .. }) => matches!(
            connector,
            C::IdentityAuthentication
                | C::EntraId
                | C::AnalyticsCloud
                | C::Xsuaa
                | C::SalesServiceCloud
                | C::SuccessFactors
                | C::Jam
                | C::ScimSystem
                | C::WorkZoneAdvanced
        ),
        (Exception::TooManyRequests, Call::Read(reading)) => {
            (connector.is_scim_based() || connector == C::EntraId)
                && matches!(reading, Reading::Full | Reading::ProxyOne | Reading::ProxyAll)
        }
        (Exception::BadGateway, Call::Write { patch }) => {
            connector == C::SalesServiceCloud
                || (patch && matches!(connector, C::WorkZoneStandard | C::Xsuaa))
        }
        (Exception::BadGateway, Call::Read(_)) => connector == C::SalesServiceCloud,
        (Exception::Forbidden, Call::Write { .. }) => connector == C::AnalyticsCloud,
        (Exception::Forbidden, Call::Read(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::system;
    use Connector as C;

    const ALL: [C; 11] = [
        C::IdentityAuthentication,
        C::EntraId,
        C::AnalyticsCloud,
        C::Xsuaa,
        C::SalesServiceCloud,
        C::SuccessFactors,
        C::Jam,
        C::ScimSystem,
        C::WorkZoneAdvanced,
        C::WorkZoneStandard,
        C::Other,
    ];
    const READINGS: [Reading; 5] =
        [Reading::Full, Reading::Delta, Reading::ProxyOne, Reading::ProxyAll, Reading::ProxyQuery];

    /// The connectors for which a call is repeated, written down once more by hand.
    fn who(call: Call, exception: Exception) -> Vec<C> {
        ALL.into_iter().filter(|connector| repeats(*connector, call, exception)).collect()
    }

    #[test]
    fn f136_the_matrix_by_connector_and_operation() {
        let (put, patch) = (Call::Write { patch: false }, Call::Write { patch: true });
        for write in [put, patch] {
            assert_eq!(who(write, Exception::Timeout), ALL);
            let mut throttled = ALL.to_vec();
            throttled.retain(|connector| !matches!(connector, C::WorkZoneStandard | C::Other));
            assert_eq!(who(write, Exception::TooManyRequests), throttled);
            assert_eq!(who(write, Exception::Forbidden), [C::AnalyticsCloud]);
        }
        assert_eq!(who(put, Exception::BadGateway), [C::SalesServiceCloud]);
        assert_eq!(who(patch, Exception::BadGateway), [C::Xsuaa, C::SalesServiceCloud, C::WorkZoneStandard]);
        for reading in READINGS {
            let read = Call::Read(reading);
            assert_eq!(who(read, Exception::BadGateway), [C::SalesServiceCloud]);
            assert_eq!(who(read, Exception::Forbidden), []);
            let throttled = if matches!(reading, Reading::Delta | Reading::ProxyQuery) { 0 } else { 10 };
            assert_eq!(who(read, Exception::TooManyRequests).len(), throttled, "{reading:?}");
        }
    }

    #[test]
    fn delta_and_proxy_reads_are_not_repeated_on_a_timeout() {
        for reading in READINGS {
            let expected = if reading == Reading::Full { ALL.to_vec() } else { Vec::new() };
            assert_eq!(who(Call::Read(reading), Exception::Timeout), expected, "{reading:?}");
        }
    }

    #[test]
    fn a_connector_is_told_by_its_name_or_by_the_plugin() {
        for (name, connector) in [
            ("SAP Jam", C::Jam),
            ("work zone, standard", C::WorkZoneStandard),
            ("Sales and Service Cloud", C::SalesServiceCloud),
            ("IAS", C::IdentityAuthentication),
            ("something else", C::Other),
        ] {
            assert_eq!(Connector::of(&system(&[("ips.system.type", name)])), connector, "{name}");
        }
        let mut plain = system(&[]);
        plain.plugin = "scim2".into();
        assert_eq!(Connector::of(&plain), C::ScimSystem);
        plain.plugin = "ldap".into();
        assert_eq!(Connector::of(&plain), C::Other);
    }

    #[test]
    fn a_search_is_a_read() {
        let call = |method, path| Call::of(&method, path, Reading::Full);
        assert_eq!(call(Method::POST, "/Users/.search"), Call::Read(Reading::Full));
        assert_eq!(call(Method::GET, "/Users"), Call::Read(Reading::Full));
        assert_eq!(call(Method::POST, "/Users"), Call::Write { patch: false });
        assert_eq!(call(Method::PATCH, "/Users/1"), Call::Write { patch: true });
    }
}

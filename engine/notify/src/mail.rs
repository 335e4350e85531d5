use crate::SendError;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use url::Url;

/// A server that takes mail from one engine has this long to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The server that mail is handed to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MailServer {
    /// `smtps://host[:465]` for TLS from the start, `smtp://host[:587]` for STARTTLS, which is then required.
    /// Without TLS only a server on this machine is spoken to (`smtp://127.0.0.1:25`).
    pub url: String,
    /// None if the server wants no log-in.
    #[serde(default)]
    pub user: Option<String>,
    /// With the user.
    #[serde(default)]
    pub password: Option<String>,
    /// The sender's address.
    pub from: String,
}

/// Everything that is wrong with the settings: where, and what.
pub fn mail_server(server: &MailServer) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    if let Err(why) = transport(server) {
        wrong.push(("/url", why));
    }
    if server.from.parse::<Mailbox>().is_err() {
        wrong.push(("/from", format!("{:?} is no mail address", server.from)));
    }
    if server.user.is_some() != server.password.is_some() {
        wrong.push(("/user", "user and password are given together, or neither".to_owned()));
    }
    wrong
}

fn transport(server: &MailServer) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    type Smtp = AsyncSmtpTransport<Tokio1Executor>;
    let no_url =
        || format!("{:?} is no address of a mail server: smtps://host or smtp://host:587", server.url);
    let url = Url::parse(&server.url).map_err(|_| no_url())?;
    let host = url.host_str().ok_or_else(no_url)?;
    let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let tls = |error: lettre::transport::smtp::Error| format!("TLS to {host} cannot be set up: {error}");
    let mut builder = match url.scheme() {
        "smtps" => Smtp::relay(host).map_err(tls)?,
        "smtp" if local => Smtp::builder_dangerous(host.trim_matches(['[', ']'])),
        "smtp" => Smtp::starttls_relay(host).map_err(tls)?,
        _ => return Err(no_url()),
    };
    if let Some(port) = url.port() {
        builder = builder.port(port);
    }
    if let (Some(user), Some(password)) = (&server.user, &server.password) {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    Ok(builder.timeout(Some(TIMEOUT)).build())
}

/// Whether mail can go to an address.
pub(crate) fn is_address(address: &str) -> bool {
    address.parse::<Mailbox>().is_ok()
}

pub(crate) async fn send(
    server: &MailServer,
    (name, address): (&str, &str),
    subject: &str,
    text: &str,
) -> Result<(), SendError> {
    let wrong = |what: &str| SendError::Never(format!("{what} is no mail address"));
    let from: Mailbox = server.from.parse().map_err(|_| wrong(&server.from))?;
    let address = address.parse().map_err(|_| wrong(address))?;
    let name = Some(name.to_owned()).filter(|name| !name.is_empty());
    let mail = Mail::builder()
        .from(from)
        .to(Mailbox::new(name, address))
        .subject(subject)
        .header(ContentType::TEXT_PLAIN)
        .body(text.to_owned())
        .map_err(|error| SendError::Never(format!("the mail cannot be made: {error}")))?;
    let transport = transport(server).map_err(SendError::Never)?;
    match transport.send(mail).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_permanent() => {
            Err(SendError::Never(format!("the mail server refused the mail for good: {error}")))
        }
        Err(error) => Err(SendError::Later(format!("the mail server did not take the mail: {error}"))),
    }
}

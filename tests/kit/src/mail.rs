use crate::free_port;
use crate::process::Process;
use crate::scim::program;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

/// A running SMTP server (aiosmtpd) that keeps what it takes.
#[derive(Debug)]
pub struct MailServer {
    _process: Process,
    port: u16,
    folder: tempfile::TempDir,
}

impl MailServer {
    /// Starts an empty server on loopback.
    pub fn start() -> anyhow::Result<Self> {
        let port = free_port()?;
        let folder = tempfile::tempdir()?;
        let mut command = program("aiosmtpd")?;
        command
            .args(["--nosetuid", "--listen", &format!("127.0.0.1:{port}")])
            .args(["--class", "aiosmtpd.handlers.Mailbox"])
            .arg(folder.path().join("box"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = Process::start("aiosmtpd", &mut command)?;
        process.wait_for(port, Duration::from_secs(20))?;
        Ok(Self { _process: process, port, folder })
    }

    /// `smtp://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The mails it has taken, as they came, oldest first.
    pub fn mails(&self) -> Vec<String> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.path().join("box/new"))
            .map(|list| list.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        files.sort_by_key(|file| file.metadata().and_then(|m| m.modified()).ok());
        // Quoted-printable breaks long lines.
        let read = |file: &PathBuf| std::fs::read_to_string(file).ok();
        files.iter().filter_map(read).map(|mail| mail.replace("=\r\n", "").replace("=\n", "")).collect()
    }
}

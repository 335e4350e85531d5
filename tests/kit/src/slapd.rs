use crate::free_port;
use crate::process::Process;
use anyhow::{Context, bail};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How to start slapd.
#[derive(Clone, Debug, Default)]
pub struct SlapdOptions {
    /// LDIF loaded with `slapadd` before it starts.
    pub ldif: String,
    /// Refuse anything without TLS.
    pub require_tls: bool,
    /// Log writes below `cn=accesslog`.
    pub change_log: bool,
}

/// A running OpenLDAP server for `dc=example,dc=com`, with StartTLS and LDAPS by a test CA.
#[derive(Debug)]
pub struct Slapd {
    _process: Process,
    folder: TempDir,
    port: u16,
    tls_port: u16,
    ca_pem: String,
}

impl Slapd {
    /// The administrator's name.
    pub const BIND_DN: &str = "cn=admin,dc=example,dc=com";
    /// The administrator's password.
    pub const PASSWORD: &str = "slapd-test-password-7f3a";
    /// The base of the tree.
    pub const SUFFIX: &str = "dc=example,dc=com";

    /// Loads the entries and starts the server. The suffix entry and `ou=people`, `ou=groups` are
    /// there in any case.
    pub fn start(options: &SlapdOptions) -> anyhow::Result<Self> {
        let slapd = program("slapd")?;
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("db");
        std::fs::create_dir(&database)?;
        std::fs::create_dir(folder.path().join("log"))?;
        let ca_pem = certificates(folder.path())?;
        let configuration = folder.path().join("slapd.conf");
        std::fs::write(&configuration, config(folder.path(), &database, options))?;
        load(&program("slapadd")?, &configuration, &base_entries())?;
        if !options.ldif.is_empty() {
            load(&program("slapadd")?, &configuration, &options.ldif)?;
        }
        let (port, tls_port) = (free_port()?, free_port()?);
        let mut command = Command::new(slapd);
        command
            .arg("-f")
            .arg(&configuration)
            .args(["-d", "0", "-h", &format!("ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = Process::start("slapd", &mut command)?;
        process.wait_for(port, Duration::from_secs(30))?;
        Ok(Self { _process: process, folder, port, tls_port, ca_pem })
    }

    /// `ldap://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// `ldaps://127.0.0.1:PORT`.
    pub fn tls_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.tls_port)
    }

    /// The test CA, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// What `ldapsearch` finds, as LDIF without line folding.
    pub fn search(&self, filter: &str, attributes: &[&str]) -> anyhow::Result<String> {
        let mut command = self.client("ldapsearch")?;
        command.args(["-LLL", "-o", "ldif-wrap=no", "-E", "pr=500/noprompt", "-b", Self::SUFFIX, filter]);
        let output = command.args(attributes).output()?;
        if !output.status.success() {
            bail!("ldapsearch {filter}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// How many entries a filter finds.
    pub fn count(&self, filter: &str) -> anyhow::Result<usize> {
        Ok(self.search(filter, &["1.1"])?.lines().filter(|l| l.starts_with("dn:")).count())
    }

    /// Applies LDIF with `ldapmodify` (change records) or, for plain entries, as additions.
    pub fn modify(&self, ldif: &str) -> anyhow::Result<()> {
        let file = self.folder.path().join("change.ldif");
        std::fs::write(&file, ldif)?;
        let output = self.client("ldapmodify")?.arg("-a").arg("-f").arg(&file).output()?;
        if !output.status.success() {
            bail!("ldapmodify: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn client(&self, name: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(program(name)?);
        command.args(["-x", "-H", &self.tls_url(), "-D", Self::BIND_DN, "-w", Self::PASSWORD]);
        command.env("LDAPTLS_CACERT", self.folder.path().join("ca.pem"));
        Ok(command)
    }
}

fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin", "/usr/lib/openldap"].map(PathBuf::from));
    folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .with_context(|| format!("{name} is not installed: run tests/setup/servers.sh (`make test` does)"))
}

/// A CA and a certificate for 127.0.0.1 and localhost; the CA in PEM.
fn certificates(folder: &Path) -> anyhow::Result<String> {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "Gangway test CA");
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let server = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let server = server.signed_by(&key, &ca)?;
    std::fs::write(folder.join("ca.pem"), ca.pem())?;
    std::fs::write(folder.join("server.pem"), server.pem())?;
    std::fs::write(folder.join("server.key"), key.serialize_pem())?;
    Ok(ca.pem())
}

fn config(folder: &Path, database: &Path, options: &SlapdOptions) -> String {
    let folder = folder.display();
    let security = if options.require_tls { "security tls=1\n" } else { "" };
    let (log, logged) = if options.change_log {
        let log = format!(
            "moduleload accesslog\ndatabase mdb\nsuffix cn=accesslog\nrootdn \"{}\"\ndirectory {folder}/log\n\
             maxsize 268435456\nindex reqStart,reqResult,objectClass eq\n",
            Slapd::BIND_DN
        );
        (log, "overlay accesslog\nlogdb cn=accesslog\nlogops writes\nlogsuccess TRUE\n")
    } else {
        (String::new(), "")
    };
    format!(
        "include /etc/ldap/schema/core.schema\n\
         include /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\n\
         modulepath /usr/lib/ldap\n\
         moduleload back_mdb\n\
         moduleload memberof\n\
         pidfile {folder}/slapd.pid\n\
         TLSCACertificateFile {folder}/ca.pem\n\
         TLSCertificateFile {folder}/server.pem\n\
         TLSCertificateKeyFile {folder}/server.key\n\
         sizelimit unlimited\n\
         {security}\
         {log}\
         database mdb\n\
         suffix \"{suffix}\"\n\
         rootdn \"{bind}\"\n\
         rootpw {password}\n\
         directory {database}\n\
         maxsize 1073741824\n\
         index objectClass eq\n\
         index uid,cn,mail eq\n\
         index entryUUID,entryCSN eq\n\
         {logged}\
         overlay memberof\n",
        suffix = Slapd::SUFFIX,
        bind = Slapd::BIND_DN,
        password = Slapd::PASSWORD,
        database = database.display(),
    )
}

fn base_entries() -> String {
    let suffix = Slapd::SUFFIX;
    format!(
        "dn: {suffix}\nobjectClass: domain\ndc: example\n\n\
         dn: ou=people,{suffix}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{suffix}\nobjectClass: organizationalUnit\nou: groups\n\n"
    )
}

fn load(slapadd: &Path, configuration: &Path, ldif: &str) -> anyhow::Result<()> {
    let mut child = Command::new(slapadd)
        .arg("-q")
        .args(["-b", Slapd::SUFFIX])
        .arg("-f")
        .arg(configuration)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(ldif.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("slapadd: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

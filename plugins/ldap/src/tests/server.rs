//! A real OpenLDAP server for one test.

use super::{GROUPS, PEOPLE};
use crate::Ldap;
use crate::client::Worker;
use crate::message::Request;
use crate::settings::Settings;
use gangway_sdk::Connector;
use gangway_sdk::testing::FakeHost;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const ADMIN: &str = "cn=admin,dc=example,dc=com";

pub(super) struct Server {
    process: Child,
    folder: PathBuf,
    pub(super) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn first_that_exists(paths: &[&str]) -> PathBuf {
    let found = paths.iter().map(Path::new).find(|path| path.exists());
    found
        .unwrap_or_else(|| {
            panic!("OpenLDAP is not installed (apt-get install slapd): none of {paths:?} exists")
        })
        .into()
}

impl Server {
    /// Starts a server with an empty tree of people and groups; `more` goes into its configuration.
    pub(super) fn start(more: &str) -> Self {
        Self::launch(|_| String::new(), more)
    }

    /// A server that logs its writes below `cn=accesslog`.
    pub(super) fn with_change_log() -> Self {
        let log = |folder: &Path| {
            let folder = folder.join("log");
            std::fs::create_dir_all(&folder).unwrap();
            format!(
                "moduleload accesslog\ndatabase mdb\nsuffix cn=accesslog\nrootdn \"{ADMIN}\"\ndirectory {}\n\
                 maxsize 268435456\ndbnosync\nindex reqStart,reqResult,objectClass eq\n",
                folder.display()
            )
        };
        Self::launch(log, "overlay accesslog\nlogdb cn=accesslog\nlogops writes\nlogsuccess TRUE")
    }

    fn launch(before: impl FnOnce(&Path) -> String, more: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let slapd = first_that_exists(&["/usr/sbin/slapd", "/usr/lib/openldap/slapd", "/usr/libexec/slapd"]);
        let schema = first_that_exists(&["/etc/ldap/schema", "/etc/openldap/schema"]);
        let modules = first_that_exists(&["/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap"]);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gangway-ldap-{}-{number}", std::process::id()));
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let includes: String = ["core", "cosine", "inetorgperson"]
            .iter()
            .map(|name| format!("include {}/{name}.schema\n", schema.display()))
            .collect();
        let configuration = format!(
            "{includes}modulepath {}\nmoduleload back_mdb\nmoduleload memberof\nsizelimit 500\nmonitoring off\n\
             {}database mdb\nsuffix \"dc=example,dc=com\"\nrootdn \"{ADMIN}\"\nrootpw secret\ndirectory {}\n\
             maxsize 268435456\ndbnosync\nindex objectClass,uid,entryUUID eq\n{more}\noverlay memberof\n",
            modules.display(),
            before(&folder),
            folder.join("data").display(),
        );
        std::fs::write(folder.join("slapd.conf"), configuration).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(slapd)
            .args(["-d", "0", "-h", &format!("ldap://127.0.0.1:{port}"), "-f"])
            .arg(folder.join("slapd.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, folder, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "slapd does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        server.fill();
        server
    }

    fn fill(&self) {
        let (_host, _) = self.system(&[]);
        let add = |dn: &str, class: &str, name: (&str, &str)| Request::Add {
            dn: dn.into(),
            attributes: vec![
                ("objectClass".into(), vec![class.as_bytes().to_vec()]),
                (name.0.into(), vec![name.1.as_bytes().to_vec()]),
            ],
        };
        let settings = Settings::read(&gangway_sdk::system::properties()).unwrap();
        let mut worker = Worker::default();
        for request in [
            Request::Add {
                dn: "dc=example,dc=com".into(),
                attributes: vec![
                    ("objectClass".into(), vec![b"dcObject".to_vec(), b"organization".to_vec()]),
                    ("o".into(), vec![b"Example".to_vec()]),
                ],
            },
            add(PEOPLE, "organizationalUnit", ("ou", "people")),
            add(GROUPS, "organizationalUnit", ("ou", "groups")),
            add("ou=gone,dc=example,dc=com", "organizationalUnit", ("ou", "gone")),
        ] {
            worker.run(&settings, &[request]).pop().unwrap().unwrap().accept("fill").unwrap();
        }
    }

    /// A host for the current thread, and a connector to this server.
    pub(super) fn system(&self, properties: &[(&str, &str)]) -> (FakeHost, Ldap) {
        let host = FakeHost::install();
        host.property("ldap.url", &format!("ldap://127.0.0.1:{}", self.port))
            .property("ldap.user", ADMIN)
            .property("ldap.user.path", PEOPLE)
            .property("ldap.group.path", GROUPS)
            .secret("ldap.password", "secret")
            .real_connections();
        for (name, value) in properties {
            host.property(name, value);
        }
        let ldap = Ldap::open().unwrap();
        (host, ldap)
    }
}

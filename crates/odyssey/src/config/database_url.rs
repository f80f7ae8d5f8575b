//! From a connection string to options: pure, so that every managed server's string is a line of a table
//! in a test.
//!
//! Promises: TLS to another machine verifies certificate and name unless a named setting weakens it, also
//! where the string asks for less (`sslmode=require` is raised, `disable` is refused); a transaction-mode
//! pooler is refused and the refusal prints the string that works; no error repeats a password.

use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::DatabaseConfig;

/// Port on which Supabase's poolers work in transaction mode.
const TRANSACTION_POOLER_PORT: u16 = 6543;
const POSTGRES_PORT: u16 = 5432;

/// Why a connection string is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    #[error("is not a PostgreSQL URL (postgresql://user:password@host:5432/database): {0}")]
    Malformed(String),
    #[error(
        "goes through a transaction-mode pooler, where named statements, LISTEN and session locks break; \
         this one works (put your password in): {works}"
    )]
    TransactionPooler { works: String },
    #[error(
        "goes through port 6543, which by custom is a transaction-mode pooler; use the server's direct or \
         session-mode address, or set database.allow_transaction_pooler = true if it is neither"
    )]
    PoolerPort,
    #[error(
        "asks for an unencrypted connection to another machine (sslmode={mode}); leave sslmode out, or set \
         database.tls_allow_plaintext = true to accept that everything can be read on the way"
    )]
    Plaintext { mode: String },
    #[error(
        "asks for channel_binding=require, which this driver does not have; with TLS fully verified it is \
         not needed, so set database.tls_allow_unverified = false or leave channel_binding out"
    )]
    ChannelBinding,
    #[error("has the parameter `{name}`, {remedy}")]
    Parameter { name: String, remedy: String },
}

/// A role of the same server and its password.
#[derive(Debug, Clone)]
pub struct Login {
    pub name: String,
    pub password: SecretString,
}

/// Options for `database.url`; `None` when it is not set and the embedded server is meant.
pub fn connect_options(config: &DatabaseConfig) -> Result<Option<PgConnectOptions>, DatabaseUrlError> {
    config.url.as_ref().map(|url| parse_url(config, url)).transpose()
}

/// Options for `database.read_url`, when it is set.
pub fn read_connect_options(config: &DatabaseConfig) -> Result<Option<PgConnectOptions>, DatabaseUrlError> {
    config.read_url.as_ref().map(|url| parse_url(config, url)).transpose()
}

/// The same server as another role. Supabase's shared pooler finds the project by the suffix of the user
/// (`postgres.<ref>`), so the suffix goes along with the new name.
pub fn connect_options_as(options: &PgConnectOptions, login: &Login) -> PgConnectOptions {
    let suffix = match options.get_username().split_once('.') {
        Some((_, project)) if is_supabase_pooler(options.get_host()) => format!(".{project}"),
        _ => String::new(),
    };
    options.clone().username(&format!("{}{suffix}", login.name)).password(login.password.expose_secret())
}

/// Options for one connection string under the TLS and pooler rules of `config`.
pub fn parse_url(config: &DatabaseConfig, url: &SecretString) -> Result<PgConnectOptions, DatabaseUrlError> {
    let url = Url::parse(url.expose_secret()).map_err(|error| malformed(&error.to_string()))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(malformed("the scheme must be postgresql"));
    }
    let parameters = Parameters::read(&url)?;
    let target = Target::read(&url, &parameters)?;
    if !config.allow_transaction_pooler {
        refuse_transaction_pooler(&url, &target, &parameters)?;
    }
    let mode = tls_mode(config, &target, parameters.sslmode.as_deref())?;
    if parameters.channel_binding_required && !matches!(mode, PgSslMode::VerifyFull) {
        return Err(DatabaseUrlError::ChannelBinding);
    }
    build(config, &url, &target, parameters, mode)
}

/// Where a string leads.
#[derive(Debug)]
enum Target {
    Socket { folder: String, port: u16 },
    Host { name: String, port: u16 },
}

impl Target {
    fn read(url: &Url, parameters: &Parameters) -> Result<Self, DatabaseUrlError> {
        let written = match &parameters.host {
            Some(host) => host.clone(),
            None => decode(url.host_str().unwrap_or_default())?,
        };
        let port = parameters.port.or(url.port()).unwrap_or(POSTGRES_PORT);
        if written.starts_with('/') {
            return Ok(Self::Socket { folder: written, port });
        }
        if written.is_empty() {
            // Falling back to PGHOST would take the server from a place that is not our configuration.
            return Err(malformed("it names no host"));
        }
        if written.contains(',') {
            return Err(malformed("it names several hosts; name one"));
        }
        let name = written.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        Ok(Self::Host { name, port })
    }

    /// Nothing on the way can listen: a socket, or the loopback interface.
    fn is_local(&self) -> bool {
        match self {
            Self::Socket { .. } => true,
            Self::Host { name, .. } => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }
}

/// Parameters of the string that mean something here.
#[derive(Debug, Default)]
struct Parameters {
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    sslmode: Option<String>,
    sslrootcert: Option<String>,
    sslcert: Option<String>,
    sslkey: Option<String>,
    application_name: Option<String>,
    options: Option<String>,
    channel_binding_required: bool,
    says_pgbouncer: bool,
}

impl Parameters {
    fn read(url: &Url) -> Result<Self, DatabaseUrlError> {
        let mut read = Self::default();
        for (name, value) in url.query_pairs() {
            let value = value.into_owned();
            match &*name {
                "host" | "hostaddr" => read.host = Some(value),
                "port" => {
                    read.port = Some(value.parse().map_err(|_| refused(&name, "which is not a port"))?);
                }
                "user" => read.user = Some(value),
                "password" => read.password = Some(value),
                "dbname" => read.database = Some(value),
                "sslmode" => read.sslmode = Some(value),
                "sslrootcert" => read.sslrootcert = (value != "system").then_some(value),
                "sslcert" => read.sslcert = Some(value),
                "sslkey" => read.sslkey = Some(value),
                "application_name" => read.application_name = Some(value),
                "options" => read.options = Some(value),
                "channel_binding" => read.channel_binding_required = value == "require",
                "pgbouncer" => read.says_pgbouncer = value == "true",
                // Hints for other drivers, without a meaning for ours.
                "sslnegotiation" | "connect_timeout" | "gssencmode" | "keepalives" | "supa" | "schema" => {}
                "target_session_attrs" if matches!(&*value, "any" | "read-write" | "primary") => {}
                "options[endpoint]" => {
                    return Err(refused(
                        &name,
                        "which this driver would send as a setting; write options=endpoint%3D<id>",
                    ));
                }
                _ => return Err(refused(&name, "which is not known; leave it out")),
            }
        }
        Ok(read)
    }
}

fn refuse_transaction_pooler(
    url: &Url,
    target: &Target,
    parameters: &Parameters,
) -> Result<(), DatabaseUrlError> {
    let Target::Host { name, port } = target else { return Ok(()) };
    if let Some(direct) = neon_direct(name) {
        return Err(DatabaseUrlError::TransactionPooler { works: rewritten(url, &direct, *port) });
    }
    let supabase = is_supabase_pooler(name) || name.ends_with(".supabase.co");
    if *port == TRANSACTION_POOLER_PORT {
        return Err(if supabase {
            DatabaseUrlError::TransactionPooler { works: rewritten(url, name, POSTGRES_PORT) }
        } else {
            DatabaseUrlError::PoolerPort
        });
    }
    if parameters.says_pgbouncer {
        return Err(DatabaseUrlError::TransactionPooler { works: rewritten(url, name, *port) });
    }
    Ok(())
}

/// `ep-name-123456-pooler.region.aws.neon.tech` without `-pooler`.
fn neon_direct(host: &str) -> Option<String> {
    let (endpoint, rest) = host.split_once('.')?;
    if !rest.ends_with("neon.tech") {
        return None;
    }
    Some(format!("{}.{rest}", endpoint.strip_suffix("-pooler")?))
}

fn is_supabase_pooler(host: &str) -> bool {
    host.ends_with(".pooler.supabase.com")
}

/// The string with another host and port, its password replaced and the pooler's own parameters gone.
fn rewritten(url: &Url, host: &str, port: u16) -> String {
    let kept: Vec<String> = url
        .query_pairs()
        .filter(|(name, _)| {
            !matches!(&**name, "host" | "hostaddr" | "port" | "pgbouncer" | "password" | "supa")
        })
        .map(|(name, value)| format!("{name}={}", value.replace('=', "%3D")))
        .collect();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    format!("{}://{}:****@{host}:{port}{}{query}", url.scheme(), url.username(), url.path())
}

fn tls_mode(
    config: &DatabaseConfig,
    target: &Target,
    asked: Option<&str>,
) -> Result<PgSslMode, DatabaseUrlError> {
    let asked =
        match asked {
            Some(text) => Some(text.parse::<PgSslMode>().map_err(|_| {
                refused("sslmode", "which is none of disable, require, verify-ca, verify-full")
            })?),
            None => None,
        };
    if target.is_local() {
        return Ok(asked.unwrap_or(PgSslMode::Disable));
    }
    match asked {
        Some(mode @ (PgSslMode::Disable | PgSslMode::Allow)) => {
            if config.tls_allow_plaintext {
                return Ok(PgSslMode::Disable);
            }
            let mode = if matches!(mode, PgSslMode::Disable) { "disable" } else { "allow" };
            Err(DatabaseUrlError::Plaintext { mode: mode.to_owned() })
        }
        Some(PgSslMode::VerifyCa) if config.tls_allow_unverified => Ok(PgSslMode::VerifyCa),
        // `prefer` may end unencrypted; the weakening that was named is about verification only.
        None | Some(PgSslMode::Require | PgSslMode::Prefer) if config.tls_allow_unverified => {
            Ok(PgSslMode::Require)
        }
        _ => Ok(PgSslMode::VerifyFull),
    }
}

fn build(
    config: &DatabaseConfig,
    url: &Url,
    target: &Target,
    parameters: Parameters,
    mode: PgSslMode,
) -> Result<PgConnectOptions, DatabaseUrlError> {
    let mut options = with_raw_options(parameters.options.as_deref())?
        .ssl_mode(mode)
        .application_name(parameters.application_name.as_deref().unwrap_or("odyssey"));
    options = match target {
        Target::Socket { folder, port } => options.socket(folder).port(*port),
        Target::Host { name, port } => options.host(name).port(*port),
    };
    let user = parameters.user.map_or_else(|| decode(url.username()), Ok)?;
    if user.is_empty() {
        return Err(malformed("it names no user"));
    }
    options = options.username(&user);
    let password = match parameters.password {
        Some(password) => Some(password),
        None => url.password().map(decode).transpose()?,
    };
    if let Some(password) = password {
        options = options.password(&password);
    }
    let database = match parameters.database {
        Some(database) => database,
        None => decode(url.path().trim_start_matches('/'))?,
    };
    options = options.database(if database.is_empty() { &user } else { &database });
    if let Some(path) = parameters.sslrootcert.map(Into::into).or_else(|| config.tls_root_certificate.clone())
    {
        options = options.ssl_root_cert(path);
    }
    if let (Some(certificate), Some(key)) = (parameters.sslcert, parameters.sslkey) {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    Ok(options)
}

/// The driver takes raw startup options only from a URL. They must arrive as written: beside `-c key=value`
/// they carry the routing words of Neon and Supabase (`endpoint=…`, `reference=…`).
fn with_raw_options(raw: Option<&str>) -> Result<PgConnectOptions, DatabaseUrlError> {
    let Some(raw) = raw else { return Ok(PgConnectOptions::new_without_pgpass()) };
    let mut url = Url::parse("postgres://localhost").expect("a constant");
    url.query_pairs_mut().append_pair("options", raw);
    url.as_str().parse().map_err(|_| refused("options", "which the driver cannot read"))
}

fn decode(text: &str) -> Result<String, DatabaseUrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).map_err(|_| malformed("a percent-encoded part is not UTF-8"))
}

fn malformed(detail: &str) -> DatabaseUrlError {
    DatabaseUrlError::Malformed(detail.to_owned())
}

fn refused(name: &str, remedy: &str) -> DatabaseUrlError {
    DatabaseUrlError::Parameter { name: name.to_owned(), remedy: remedy.to_owned() }
}

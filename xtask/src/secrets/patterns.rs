//! What a secret looks like.

/// Beginnings that issuers give their secrets, and how many characters follow at least.
const PREFIXES: [(&str, usize, &str); 16] = [
    ("AKIA", 16, "an AWS access key"),
    ("ASIA", 16, "an AWS access key"),
    ("ghp_", 30, "a GitHub token"),
    ("gho_", 30, "a GitHub token"),
    ("ghs_", 30, "a GitHub token"),
    ("github_pat_", 30, "a GitHub token"),
    ("glpat-", 16, "a GitLab token"),
    ("xoxb-", 20, "a Slack token"),
    ("xoxp-", 20, "a Slack token"),
    ("sk_live_", 16, "a payment key"),
    ("AIza", 33, "a Google key"),
    ("npm_", 32, "a registry token"),
    ("sb_secret_", 16, "a Supabase key"),
    ("sbp_", 32, "a Supabase token"),
    ("odk_live_", 16, "an Odyssey API key"),
    ("whsec_", 24, "a webhook secret"),
];

/// Words that name a secret when something is assigned to them.
const NAMES: [&str; 9] =
    ["password", "passwd", "secret", "token", "api_key", "apikey", "private_key", "access_key", "credential"];

/// Files whose very presence is a leak: environment files, private keys, cookie jars, browser recordings.
pub fn suspicious_name(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ends = |suffix: &str| name.ends_with(suffix);
    let example = ends(".example") || ends(".sample") || ends(".template");
    if (name == ".env" || name.starts_with(".env.") || ends(".env")) && !example {
        return Some("an environment file is tracked");
    }
    if matches!(
        name,
        "id_rsa" | "id_ed25519" | "id_ecdsa" | ".pgpass" | ".netrc" | ".htpasswd" | "credentials.json"
    ) || [".p12", ".pfx", ".jks", ".kdbx", ".keystore"].iter().any(|suffix| ends(suffix))
    {
        return Some("a file of keys or passwords is tracked");
    }
    if matches!(name, "cookies.txt" | "cookies.json" | "cookies.sqlite" | "storageState.json") || ends(".har")
    {
        return Some("a recording of a signed-in session is tracked");
    }
    None
}

/// The kind of secret in a line, if there is one.
pub fn secret_in(path: &str, line: &str) -> Option<&'static str> {
    private_key(line)
        .or_else(|| cookie(line))
        .or_else(|| known_prefix(line))
        .or_else(|| web_token(line))
        .or_else(|| url_with_password(line))
        .or_else(|| assignment(path, line))
}

fn private_key(line: &str) -> Option<&'static str> {
    let (_, rest) = line.split_once("-----BEGIN ")?;
    let (kind, _) = rest.split_once("PRIVATE KEY-----")?;
    // "RSA ", "EC ", "ENCRYPTED " or nothing stands between.
    kind.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ').then_some("a private key")
}

fn cookie(line: &str) -> Option<&'static str> {
    if line.starts_with("# Netscape HTTP Cookie File") || line.starts_with("# HTTP Cookie File") {
        return Some("a cookie jar");
    }
    let header = line
        .trim_start()
        .strip_prefix("Cookie: ")
        .or_else(|| line.trim_start().strip_prefix("Set-Cookie: "))?;
    let (_, value) = header.split_once('=')?;
    looks_random(&word_at(value, |_| false)).then_some("a cookie")
}

fn known_prefix(line: &str) -> Option<&'static str> {
    PREFIXES.iter().find_map(|(prefix, length, kind)| {
        line.match_indices(prefix).find_map(|(at, _)| {
            let boundary = !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let rest = word_at(&line[at + prefix.len()..], |c| c == '-');
            (boundary && rest.len() >= *length && has_digit_and_letter(&rest)).then_some(*kind)
        })
    })
}

/// Three parts of base64url with dots between, the first one a JSON object.
fn web_token(line: &str) -> Option<&'static str> {
    let start = ["ey", "J"].concat();
    line.match_indices(&start).find_map(|(at, _)| {
        let word = word_at(&line[at..], |c| c == '.' || c == '-');
        let parts: Vec<&str> = word.split('.').collect();
        (parts.len() == 3 && parts.iter().all(|part| part.len() >= 16)).then_some("a signed token")
    })
}

/// `scheme://user:password@host` where the host is another machine and the password no placeholder.
fn url_with_password(line: &str) -> Option<&'static str> {
    for (at, _) in line.match_indices("://") {
        let rest: &str =
            line[at + 3..].split([' ', '"', '\'', '`', '<', '>', ')']).next().unwrap_or_default();
        let Some((user_info, host)) = rest.rsplit_once('@') else { continue };
        let Some((_, password)) = user_info.split_once(':') else { continue };
        let local = ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| host.starts_with(name));
        if !local && password.len() >= 8 && !is_placeholder(password) {
            return Some("a URL with a password");
        }
    }
    None
}

/// `password = "…"` and its like. In environment files any value counts, elsewhere one that looks random.
fn assignment(path: &str, line: &str) -> Option<&'static str> {
    let lower = line.to_ascii_lowercase();
    let environment = path.rsplit('/').next().is_some_and(|name| name.contains(".env"));
    for name in NAMES {
        for (at, _) in lower.match_indices(name) {
            let after =
                line[at + name.len()..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let after = after.trim_start_matches(['"', '\'']).trim_start();
            let Some(value) = after.strip_prefix([':', '=']) else { continue };
            let value = value.trim_start_matches(['=', ':', '>', ' ']);
            if environment {
                if !value.is_empty() && !is_placeholder(value) {
                    return Some("a secret in an environment file");
                }
                continue;
            }
            let Some(quoted) = value.strip_prefix(['"', '\'']) else { continue };
            let word = word_at(quoted, |c| "-+/=.".contains(c));
            let whole = quoted[word.len()..].starts_with(['"', '\'']);
            if whole && looks_random(&word) && !is_placeholder(&word) {
                return Some("something random assigned to the name of a secret");
            }
        }
    }
    None
}

/// Letters, digits and `_`, and what else is allowed, from the beginning.
fn word_at(text: &str, also: impl Fn(char) -> bool) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || also(*c)).collect()
}

fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let words =
        ["example", "placeholder", "changeme", "password", "secret", "your", "****", "xxxx", "…", "..."];
    text.starts_with(['<', '$', '{', '%', '['])
        || text.contains('{')
        || words.iter().any(|word| lower.contains(word))
}

fn has_digit_and_letter(word: &str) -> bool {
    word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Long, of mixed kinds of characters, and hardly repeating itself: more than 3.5 bits a character.
fn looks_random(word: &str) -> bool {
    if word.len() < 20 || !has_digit_and_letter(word) {
        return false;
    }
    let mut counts = [0_u32; 256];
    for byte in word.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = f64::from(u32::try_from(word.len()).unwrap_or(u32::MAX));
    let bits: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / length;
            -share * share.log2()
        })
        .sum();
    bits > 3.5
}

use super::*;
#[test]
fn zz_fix() {
    let mut files: Vec<(String, String)> = tables::FILES.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
    loop {
        let refs: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let Err(e) = Tables::parse(&refs) else { break };
        let f = files.iter_mut().find(|f| f.0 == e.file).unwrap();
        let mut lines: Vec<&str> = f.1.lines().collect();
        eprintln!("DROP {e} :: {}", lines[e.line - 1]);
        lines.remove(e.line - 1);
        f.1 = lines.join("\n") + "\n";
    }
    for (n, c) in files { if let Some((_, o)) = tables::FILES.iter().find(|f| f.0 == n) { if *o != c { std::fs::write(format!("data/{n}"), c).unwrap(); } } }
}

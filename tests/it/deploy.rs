//! The files in `deploy/` are valid for their tools and match the program's options.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use authsvc::config::Variables;
use serde_json::{Value, json};

use crate::support::Program;
use crate::support::tools::{tool, yaml};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    files.sort();
    files
}

/// Every manifest of Kubernetes but that of kustomize.
fn manifests() -> Vec<Value> {
    let paths = files("deploy/kubernetes", ".yaml").into_iter().filter(|path| !path.ends_with("kustomization.yaml"));
    paths.flat_map(|path| yaml(&path)).collect()
}

/// All values under a key, however deep.
fn all<'a>(key: &str, value: &'a Value) -> Vec<&'a Value> {
    match value {
        Value::Object(map) => {
            let here = map.get(key).into_iter();
            here.chain(map.values().flat_map(|inner| all(key, inner))).collect()
        }
        Value::Array(list) => list.iter().flat_map(|inner| all(key, inner)).collect(),
        _ => Vec::new(),
    }
}

fn containers(value: &Value) -> Vec<&Value> {
    ["containers", "initContainers"]
        .iter()
        .flat_map(|key| all(key, value))
        .flat_map(|list| list.as_array().unwrap())
        .collect()
}

#[test]
fn scripts_are_sound() {
    let scripts: Vec<_> = ["test.sh", "deploy/release.sh", "benches/peers.sh", "docs/images/make.sh"].to_vec();
    tool("shellcheck", &root(), &scripts);
}

#[test]
fn the_containerfile_is_sound_and_of_this_program() {
    tool("hadolint", &root(), &["--failure-threshold=style", "deploy/Containerfile"]);
    let text = read("deploy/Containerfile");
    let cargo = read("Cargo.toml");
    let rust = cargo.split("rust-version = \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(text.contains(&format!("FROM docker.io/library/rust:{rust}-")), "another Rust than {rust}");
    let last = text.rsplit("\nFROM ").next().unwrap();
    for line in ["gcr.io/distroless/cc-debian12:nonroot", "USER 65532:65532", "ENTRYPOINT [\"/usr/local/bin/authsvc\"]"]
    {
        assert!(last.contains(line), "no {line}");
    }
    assert!(!last.contains("RUN "), "there is no shell in the image");
    // everything that the build reads is let through
    let ignore = read(".containerignore");
    assert!(ignore.lines().any(|line| line == "*"), "what is not named is to stay outside");
    for path in
        ["Cargo.lock", "askama.toml", "build.rs", "build", "entity", "migration", "seed", "src", "deploy/release.sh"]
    {
        assert!(ignore.lines().any(|line| line == format!("!{path}")), "{path} is excluded");
    }
}

#[test]
fn the_health_check_is_one_that_the_program_takes() {
    let text = read("deploy/Containerfile");
    let line =
        text.lines().find_map(|line| line.trim().strip_prefix("CMD [\"/usr/local/bin/authsvc\", \"health\"")).unwrap();
    let words: Vec<String> = serde_json::from_str(&format!("[\"health\"{line}")).unwrap();
    let server = Program::new().serve().ready();
    let of_test: Vec<String> =
        words.iter().map(|word| word.replace("127.0.0.1:9090", &server.admin.to_string())).collect();
    let of_test: Vec<&str> = of_test.iter().map(String::as_str).collect();
    Program::new().run(&of_test).success();
    let readyz = format!("http://{}/readyz", server.admin);
    Program::new().run(&["health", "--url", &readyz]).success();
    let gone = server.admin;
    server.stop().success();
    Program::new().run(&["health", "--url", &format!("http://{gone}/livez")]).code(1);
}

#[test]
fn compose_gives_nothing_away() {
    let documents = yaml(&root().join("deploy/compose/compose.yaml"));
    let [compose] = documents.as_slice() else { panic!("{documents:?}") };
    let services = compose["services"].as_object().unwrap();
    for (name, service) in services {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
        assert!(service["healthcheck"]["test"].is_array(), "{name}");
        for secret in service["secrets"].as_array().unwrap() {
            assert!(compose["secrets"][secret.as_str().unwrap()]["file"].is_string(), "{name}: {secret}");
        }
        for network in service["networks"].as_array().unwrap() {
            assert!(
                compose["networks"].as_object().unwrap().contains_key(network.as_str().unwrap()),
                "{name}: {network}"
            );
        }
    }
    let authsvc = &services["authsvc"];
    assert!(authsvc.get("cap_add").is_none() && authsvc["user"] == "65532:65532");
    for (name, secret) in [
        ("DATABASE_URL_FILE", "database_url"),
        ("AUTHSVC_JWT_KEY_FILE", "jwt_key"),
        ("AUTHSVC_ENCRYPTION_KEY_FILE", "encryption_key"),
    ] {
        assert_eq!(authsvc["environment"][name], format!("/run/secrets/{secret}"));
        assert!(authsvc["secrets"].as_array().unwrap().contains(&json!(secret)));
    }
    let ports = authsvc["ports"].as_array().unwrap();
    assert!(ports.iter().all(|port| port.as_str().unwrap().starts_with("127.0.0.1:")), "{ports:?}");
    let build = root().join("deploy/compose").join(authsvc["build"]["context"].as_str().unwrap());
    assert!(build.join(authsvc["build"]["dockerfile"].as_str().unwrap()).exists());
}

#[test]
fn kubernetes_takes_the_manifests() {
    let paths = files("deploy/kubernetes", ".yaml");
    let paths = paths.iter().filter(|path| !path.ends_with("kustomization.yaml")).map(|path| path.to_str().unwrap());
    let arguments: Vec<&str> = ["--strict", "--quiet"].into_iter().chain(paths).collect();
    tool("kubernetes-validate", &root(), &arguments);
    // every file that kustomize applies exists; the migration is a step of its own
    let documents = yaml(&root().join("deploy/kubernetes/kustomization.yaml"));
    let named: BTreeSet<_> =
        documents[0]["resources"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    let there = files("deploy/kubernetes", ".yaml")
        .into_iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let there: BTreeSet<_> = there.filter(|name| name != "kustomization.yaml" && name != "migrate.yaml").collect();
    assert_eq!(named, there);
}

#[test]
fn no_pod_has_privileges() {
    let manifests = manifests();
    let pods: Vec<&Value> =
        manifests.iter().flat_map(|manifest| all("template", manifest)).map(|template| &template["spec"]).collect();
    assert_eq!(pods.len(), 3);
    for pod in pods {
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        for container in containers(pod) {
            let security = &container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], false);
            assert_eq!(security["privileged"], false);
            assert_eq!(security["readOnlyRootFilesystem"], true);
            assert_eq!(security["capabilities"]["drop"], json!(["ALL"]));
            assert!(container["resources"]["limits"]["memory"].is_string());
        }
    }
    let kinds: BTreeSet<&str> = manifests.iter().map(|manifest| manifest["kind"].as_str().unwrap()).collect();
    let expected = [
        "ConfigMap",
        "CronJob",
        "Deployment",
        "Job",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "Service",
    ];
    assert_eq!(kinds, expected.into());
}

#[test]
fn probes_leave_a_long_migration_alone() {
    let manifests = manifests();
    let deployment = manifests.iter().find(|manifest| manifest["kind"] == "Deployment").unwrap();
    let [container] = containers(deployment)[..] else { panic!("{deployment}") };
    let path = |probe: &str| container[probe]["httpGet"]["path"].as_str().unwrap().to_owned();
    assert_eq!([path("startupProbe"), path("livenessProbe"), path("readinessProbe")], ["/livez", "/livez", "/readyz"]);
    let names: Vec<&str> =
        container["ports"].as_array().unwrap().iter().map(|port| port["name"].as_str().unwrap()).collect();
    for port in all("httpGet", deployment).iter().map(|get| get["port"].as_str().unwrap()) {
        assert!(names.contains(&port), "{port}");
    }
    // time to stop: out of the load balancers, then AUTHSVC_SHUTDOWN_TIMEOUT, then the pool
    let grace = all("terminationGracePeriodSeconds", deployment)[0].as_u64().unwrap();
    let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
    assert!(grace >= pause + 20 + 5, "{grace}");
    // what selects pods selects those of the deployment
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    for manifest in &manifests {
        let selector = match manifest["kind"].as_str().unwrap() {
            "Service" => &manifest["spec"]["selector"],
            "PodDisruptionBudget" | "Deployment" => &manifest["spec"]["selector"]["matchLabels"],
            "NetworkPolicy" => &manifest["spec"]["podSelector"]["matchLabels"],
            _ => continue,
        };
        let selected = selector.as_object().unwrap().iter().all(|(name, value)| labels[name] == *value);
        assert!(selected, "{selector} selects nothing");
    }
    // operators' figures stay inside
    let admin = manifests.iter().find(|manifest| manifest["metadata"]["name"] == "authsvc-admin").unwrap();
    assert_eq!((&admin["spec"]["type"], &admin["spec"]["clusterIP"]), (&json!("ClusterIP"), &json!("None")));
}

#[test]
fn arguments_and_variables_are_those_of_the_program() {
    let manifests = manifests();
    let compose = yaml(&root().join("deploy/compose/compose.yaml"));
    for container in manifests.iter().flat_map(containers) {
        let arguments: Vec<&str> =
            container["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        // parsed, and then help is shown instead
        Program::new().run(&[&arguments[..], &["--help"]].concat()).success();
    }
    let known: Vec<&str> = Variables::names().collect();
    let mut texts: Vec<String> =
        files("deploy/systemd", ".service").iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    texts.extend(manifests.iter().chain(&compose).map(Value::to_string));
    texts.push(read("deploy/Containerfile"));
    for text in texts {
        let words =
            text.split(|c: char| !c.is_ascii_uppercase() && c != '_').filter(|word| word.starts_with("AUTHSVC_"));
        for name in words.map(|word| word.strip_suffix("_FILE").unwrap_or(word)) {
            assert!(known.contains(&name) || name == "AUTHSVC_BUILD_COMMIT", "{name} is not a variable");
        }
    }
}

#[test]
fn secrets_are_where_the_program_looks_for_them() {
    let (readme, manifests) = (read("deploy/README.md"), manifests());
    let config = manifests.iter().find(|manifest| manifest["kind"] == "ConfigMap").unwrap();
    let files = config["data"].as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_FILE"));
    let files: Vec<&str> = files.map(|(_, path)| path.as_str().unwrap()).collect();
    assert_eq!(files.len(), 3);
    for mount in manifests.iter().flat_map(containers).map(|container| &container["volumeMounts"]) {
        let mounted = mount.as_array().unwrap().iter().find(|mount| mount["name"] == "secrets").unwrap();
        let folder = format!("{}/", mounted["mountPath"].as_str().unwrap());
        for name in files.iter().map(|file| file.strip_prefix(&folder).unwrap()) {
            assert!(readme.contains(&format!(" --from-file={name}=secrets/")), "{name} is not in the secret");
        }
    }
    for unit in self::files("deploy/systemd", ".service") {
        let text = std::fs::read_to_string(&unit).unwrap();
        let loaded: BTreeSet<&str> =
            text.split("\nLoadCredential=").skip(1).map(|rest| rest.split(':').next().unwrap()).collect();
        let used: BTreeSet<&str> = text.split("_FILE=%d/").skip(1).map(|rest| rest.lines().next().unwrap()).collect();
        assert!(loaded == used && !used.is_empty(), "{}: {loaded:?} {used:?}", unit.display());
        for path in text.split(":/etc/authsvc/").skip(1).map(|rest| rest.lines().next().unwrap()) {
            assert!(readme.contains(&format!("secrets/{path}")), "the README does not install {path}");
        }
    }
}

/// The units with the program of the test, in a folder that systemd can look into.
fn units() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in files("deploy/systemd", "").into_iter().filter(|path| path.is_file()) {
        let text =
            std::fs::read_to_string(&path).unwrap().replace("/usr/local/bin/authsvc", env!("CARGO_BIN_EXE_authsvc"));
        std::fs::write(folder.path().join(path.file_name().unwrap()), text).unwrap();
    }
    folder
}

#[test]
fn systemd_takes_the_units_and_finds_them_hardened() {
    let folder = units();
    let services = ["authsvc.service", "authsvc-backup.service", "authsvc-cleanup.service"];
    let timers = ["authsvc-backup.timer", "authsvc-cleanup.timer"];
    let said = tool("systemd-analyze", folder.path(), &[&["verify", "--man=no"], &services[..], &timers[..]].concat());
    assert_eq!(said, "");
    for service in services {
        // of 10; 15 tenths leave room for nothing but the network
        tool(
            "systemd-analyze",
            folder.path(),
            &["security", "--no-pager", "--offline=true", "--threshold=15", service],
        );
        let text = std::fs::read_to_string(folder.path().join(service)).unwrap();
        let command = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let words: Vec<&str> = command.split(' ').skip(1).chain(["--help"]).collect();
        Program::new().run(&words).success();
    }
    let service = read("deploy/systemd/authsvc.service");
    assert!(service.contains("Type=notify\n") && service.contains("TimeoutStartSec=infinity\n"));
}

/// System calls that the filter of a unit lets through.
fn allowed(unit: &str) -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for line in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let taken_away = line.starts_with('~');
        for call in line.trim_start_matches('~').split(' ').flat_map(calls) {
            if taken_away {
                allowed.remove(&call)
            } else {
                allowed.insert(call)
            };
        }
    }
    allowed
}

/// The members of a group, and of the groups in it.
fn calls(name: &str) -> Vec<String> {
    if !name.starts_with('@') {
        return vec![name.to_owned()];
    }
    let text = tool("systemd-analyze", Path::new("/"), &["syscall-filter", "--no-pager", name]);
    let members =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#') && *line != name);
    members.flat_map(calls).collect()
}

#[test]
fn the_filter_of_system_calls_lets_the_program_do_its_work() {
    let allowed = allowed(&read("deploy/systemd/authsvc.service"));
    assert!(allowed.contains("openat") && !allowed.contains("mount") && !allowed.contains("setpriority"));
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("calls");
    let traced =
        |program: Program| program.through(&["strace", "-f", "-c", "-U", "name", "-o", trace.to_str().unwrap()]);
    // SQLite calls fchown as root, and only then; this test may be root, the service is not
    let used = || -> BTreeSet<String> {
        let text = std::fs::read_to_string(&trace).unwrap();
        // between them are rules, and a note on each thread that ended with the process
        let is_name = |line: &&str| line.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_');
        let names = text.lines().map(str::trim).filter(is_name);
        names.filter(|name| !["", "syscall", "fchown", "total"].contains(name)).map(str::to_owned).collect()
    };
    let database = crate::support::Database::empty(crate::support::Engine::Postgres);
    for program in [Program::new(), Program::on(&database)] {
        let program = traced(program).env("AUTHSVC_ENV", "development").env("AUTHSVC_CLEANUP_INTERVAL", "1s");
        let server = program.serve().ready();
        crate::support::api::register(server.public, "newcomer").status(201);
        crate::support::program::get(server.admin, "/health/detailed").unwrap();
        // strace holds signals back from itself: the program is its child
        let child = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.running.id())).unwrap();
        assert!(std::process::Command::new("kill").arg(child.trim()).status().unwrap().success());
        server.running.wait().success();
        let refused: Vec<String> = used().difference(&allowed).cloned().collect();
        assert!(refused.is_empty(), "the unit refuses {refused:?}");
    }
    for command in [&["backup"][..], &["cleanup"]] {
        traced(Program::on(&database)).run(command).success();
        let refused: Vec<String> = used().difference(&allowed).cloned().collect();
        assert!(refused.is_empty(), "the unit refuses {refused:?} to {command:?}");
    }
}

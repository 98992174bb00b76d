//! Headless Chromium for one test, driven by WebDriver over plain HTTP. It ends with the test, however the test ends.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use super::{eventually, free_port};

const DRIVERS: [&str; 1] = ["/usr/bin/chromedriver"];
const BROWSERS: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/google-chrome"];

pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// Ends Chromium and its driver when its stdin is closed, which the end of this process does.
    watchdog: Option<Child>,
    home: tempfile::TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let (chromium, driver) = (installed(&BROWSERS), installed(&DRIVERS));
        let (port, home) = (free_port(), tempfile::tempdir().unwrap());
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut browser = Self { driver, port, session: String::new(), watchdog: None, home };
        eventually("chromedriver", || browser.call("GET", "/status", None).ok());
        browser.open(chromium);
        browser
    }

    fn open(&mut self, chromium: &str) {
        let profile = format!("--user-data-dir={}", self.home.path().join("profile").display());
        let options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &profile,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"binary": chromium, "args": options},
        }}});
        let answer = self.call("POST", "/session", Some(&wanted)).unwrap();
        self.session = answer["sessionId"].as_str().unwrap().to_owned();
        let process = answer["capabilities"]["goog:processID"].as_u64().unwrap();
        self.watchdog = Some(watchdog(&[process, self.driver.id().into()]));
    }

    pub(crate) fn go(&self, url: &str) {
        self.ask("/url", &json!({"url": url}));
    }

    /// What a function body returns in the page.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// A command of the DevTools protocol.
    #[track_caller]
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.ask("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Messages of the console since the last time, without what is only information.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.ask("/se/log", &json!({"type": "browser"}));
        let entries =
            log.as_array().unwrap().iter().filter(|entry| entry["level"] != "INFO" && entry["level"] != "DEBUG");
        entries.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// A window of so many CSS pixels, light or dark.
    pub(crate) fn look(&self, width: u32, height: u32, theme: &str) {
        let scale = if width < 600 { 2 } else { 1 };
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// The whole page in `target/screenshots`.
    pub(crate) fn screenshot(&self, name: &str) {
        let size = self.devtools("Page.getLayoutMetrics", &json!({}))["cssContentSize"].clone();
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let options = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let image = self.devtools("Page.captureScreenshot", &options)["data"].as_str().unwrap().to_owned();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let image = base64::engine::general_purpose::STANDARD.decode(image).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), image).unwrap();
    }

    #[track_caller]
    fn ask(&self, path: &str, body: &Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.call("POST", &path, Some(body)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// One request; the driver's `value`.
    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let text = |error: std::io::Error| error.to_string();
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(text)?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(text)?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes()).map_err(text)?;
        let body = body_of(&mut BufReader::new(stream)).map_err(text)?;
        let mut answer: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let value = answer["value"].take();
        if value["error"].is_string() { Err(format!("{}: {}", value["error"], value["message"])) } else { Ok(value) }
    }
}

/// The body of an answer, by its length: the driver keeps connections open.
fn body_of(stream: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let (mut line, mut length) = (String::new(), 0);
    while stream.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.call("DELETE", &format!("/session/{}", self.session), None);
        }
        // what is still there ends now
        if let Some(mut watchdog) = self.watchdog.take() {
            watchdog.stdin.take();
            let _ = watchdog.wait();
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The first installed browser. Without one the test fails with the command that installs it; no test is skipped.
fn installed(programs: &[&'static str]) -> &'static str {
    let found = programs.iter().find(|program| Path::new(program).exists());
    found.unwrap_or_else(|| {
        panic!("{} is not installed: apt-get install chromium chromium-driver (./test.sh does it)", programs[0])
    })
}

fn watchdog(processes: &[u64]) -> Child {
    let mut child = Command::new("sh")
        .args(["-c", r#"read -r _; kill -KILL "$@" 2>/dev/null"#, "watchdog"])
        .args(processes.iter().map(u64::to_string))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().flush().unwrap();
    child
}

//! The status page in a real browser and as text.

use authsvc::health::{DetailedHealthReport, HealthSample, HealthStatus, StatementStatistics};
use authsvc::http::{BootStage, render_status_page, status_page};
use chrono::TimeDelta;
use serde_json::json;

use crate::support::browser::Browser;
use crate::support::pages::Pages;
use crate::support::{eventually, reports};

const AUDIT: &str = include_str!("support/audit.js");

fn html((detailed, samples): &(DetailedHealthReport, Vec<HealthSample>)) -> String {
    render_status_page(detailed, samples, &BootStage::Ready).unwrap()
}

/// Brings the page's script to look for news at once, as it does when its tab is looked at again.
fn look_again(browser: &Browser) {
    browser.run("document.dispatchEvent(new Event('visibilitychange'))");
}

#[test]
fn every_state_is_told_at_any_width_in_both_themes() {
    let states = [
        ("healthy", reports::healthy(), "Healthy"),
        ("degraded", reports::degraded(), "Degraded"),
        ("gone", reports::gone(), "Unhealthy"),
        ("fresh", reports::fresh(), "Healthy"),
    ];
    let pages = Pages::serve(reports::healthy());
    let browser = Browser::start();
    for (name, report, word) in states {
        pages.show(report.clone());
        browser.go(&pages.url);
        let title = browser.run("return document.title");
        assert!(title.as_str().unwrap().starts_with(word), "{title}");
        assert_eq!(browser.run("return document.querySelector('h1').textContent"), word);
        let shown = browser.run("return document.body.innerText").as_str().unwrap().replace('\n', " ");
        for check in report.0.checks.iter().filter(|check| check.status > HealthStatus::Healthy) {
            for text in [&check.name, &check.message, &check.hint] {
                assert!(shown.contains(&text.replace('`', "")), "{name}: {text} is not in {shown}");
            }
        }
        for theme in ["light", "dark"] {
            for (width, height) in [(360, 780), (768, 1024), (1280, 900)] {
                browser.look(width, height, theme);
                let problems = browser.run(AUDIT);
                assert_eq!(problems, json!([]), "{name}, {theme}, {width}");
                if width != 768 {
                    browser.screenshot(&format!("{name}-{width}-{theme}"));
                }
            }
        }
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn it_is_read_without_scripts() {
    let pages = Pages::serve(reports::degraded());
    let browser = Browser::start();
    browser.devtools("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    browser.look(360, 780, "light");
    browser.go(&pages.url);
    let document = browser.devtools("DOM.getDocument", &json!({"depth": -1}));
    let shown = document["root"].to_string();
    for text in ["Degraded", "54 h old", "look at the last run", "This page reloads every 30 s"] {
        assert!(shown.contains(text), "{text} is not in {shown}");
    }
    let root = &document["root"]["nodeId"];
    let refresh = json!({"nodeId": root, "selector": "head noscript meta[http-equiv=refresh][content='30']"});
    assert_ne!(browser.devtools("DOM.querySelector", &refresh)["nodeId"], 0);
    browser.screenshot("degraded-360-without-scripts");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn it_refreshes_itself_and_says_when_it_cannot() {
    let mut pages = Pages::serve(reports::healthy());
    let browser = Browser::start();
    browser.look(360, 780, "light");
    browser.go(&pages.url);
    let h1 = || browser.run("return document.querySelector('h1').textContent");
    browser.run(
        "window.same = true; document.getElementById('older-backups').open = true; \
         document.getElementById('wide-older').scrollLeft = 40; document.querySelector('#older-backups summary').focus(); \
         window.scrollTo(0, 900)",
    );
    // by its own clock, without a reload
    pages.show(reports::degraded());
    eventually("the new state", || (h1() == "Degraded").then_some(()));
    let kept = browser.run(
        "return [window.same, document.getElementById('older-backups').open, \
         document.getElementById('wide-older').scrollLeft, document.activeElement.textContent, scrollY, document.title, \
         document.getElementById('change').textContent, document.getElementById('stale').hidden]",
    );
    let change = "Degraded: 3 of 14 checks degraded. Degraded since 2026-11-24 02:49 UTC 23 min ago.";
    assert_eq!(kept, json!([true, true, 40, "8 older", 900, "Degraded – authsvc production", change, true]));

    // what is being read is not taken away
    let before = pages.answered();
    browser.run("getSelection().selectAllChildren(document.querySelector('h1'))");
    look_again(&browser);
    assert_eq!(browser.run("return document.getElementById('paused').hidden"), false);
    assert_eq!(pages.answered(), before);
    browser.run("getSelection().removeAllRanges()");
    assert_eq!(browser.complaints(), Vec::<String>::new());

    pages.stop();
    look_again(&browser);
    let stale = eventually("the alarm", || {
        let text =
            browser.run("const alarm = document.getElementById('stale'); return alarm.hidden ? null : alarm.innerText");
        text.as_str().map(str::to_owned)
    });
    assert!(stale.starts_with("Not refreshed since 2026-11-24 03:12:45 UTC: the service does not answer"), "{stale}");
    assert_eq!(browser.run("return document.title"), "Not refreshed – Degraded – authsvc production");
    let icon = "return document.getElementById('favicon').href.includes('%23666')";
    assert_eq!(browser.run(icon), true, "the tab's icon still shows the old state");
    assert_eq!(h1(), "Degraded");
    browser.run("window.scrollTo(0, 0)");
    assert_eq!(browser.run(AUDIT), json!([]));
    browser.screenshot("stale-360-light");

    pages.show(reports::healthy());
    pages.start();
    look_again(&browser);
    eventually("the alarm's end", || (h1() == "Healthy").then_some(()));
    let calm = browser.run("return [document.getElementById('stale').hidden, document.title]");
    assert_eq!(calm, json!([true, "Healthy – authsvc production"]));
    assert_eq!(browser.run(icon), false);
}

#[test]
fn a_tab_in_the_background_keeps_its_title_true() {
    let pages = Pages::serve(reports::healthy());
    let browser = Browser::start();
    browser.go(&pages.url);
    browser.run("Object.defineProperty(document, 'hidden', { value: true })");
    pages.show(reports::gone());
    let before = pages.answered();
    look_again(&browser);
    browser.run("const now = Date.now; Date.now = () => now() + 60000");
    assert_eq!(pages.answered(), before, "once a minute is enough");
    look_again(&browser);
    eventually("the title", || {
        (browser.run("return document.title") == "Unhealthy – authsvc production").then_some(())
    });
    let icon = browser.run("return document.getElementById('favicon').href");
    assert!(icon.as_str().unwrap().contains("c8281e"), "{icon}");
}

#[test]
fn a_phone_shows_what_is_decided_by_without_scrolling_sideways() {
    let (mut detailed, samples) = reports::healthy();
    detailed.queries.slowest.as_mut().unwrap()[0].query = "SELECT id, user_id FROM refresh_tokens WHERE ".repeat(6);
    let pages = Pages::serve((detailed, samples));
    let browser = Browser::start();
    browser.look(360, 780, "light");
    browser.go(&pages.url);
    let cut = browser.run(
        "const cut = (cell) => cell.getBoundingClientRect().right > cell.closest('.wide').getBoundingClientRect().right + 1; \
         return [...document.querySelectorAll('.query, #wide-tables td:not(.share), #wide-newest td:not(.file)')].filter(cut).map((cell) => cell.outerHTML)",
    );
    assert_eq!(cut, json!([]));
}

#[test]
fn what_comes_from_outside_is_shown_as_text() {
    let evil = "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'>\"'>`</style>";
    let (mut detailed, samples) = reports::degraded();
    detailed.backups.recent[0].name = evil.to_owned();
    detailed.queries.slowest =
        Some(vec![StatementStatistics { query: evil.to_owned(), calls: 1, mean_ms: 1.0, total_ms: 1.0 }]);
    detailed.queries.longest.as_mut().unwrap()[0].application = evil.to_owned();
    detailed.maintenance.last_runs[0].error = Some(evil.to_owned());
    detailed.basic_health.tables[0].name = evil.to_owned();
    detailed.basic_health.environment = evil.to_owned();
    detailed.basic_health.migrations.latest = Some(evil.to_owned());
    detailed.indexes.unused = Some(vec![evil.to_owned()]);
    detailed.warnings = vec![format!("slow_queries: {evil}")];
    reports::find(&mut detailed, evil, HealthStatus::Unhealthy, evil, evil);
    let shown = (detailed, samples);
    assert!(!html(&shown).contains("<script>window"), "{}", html(&shown));

    let pages = Pages::serve(shown);
    let browser = Browser::start();
    browser.look(360, 780, "light");
    browser.go(&pages.url);
    assert_eq!(
        browser.run("return [typeof window.hit, document.images.length, document.scripts.length]"),
        json!(["undefined", 0, 1])
    );
    let texts = browser.run(&format!(
        "document.querySelectorAll('details').forEach((each) => each.open = true); \
         return document.body.innerText.split({}).length - 1",
        json!(evil)
    ));
    assert!(texts.as_u64().unwrap() >= 12, "{texts}");
    assert_eq!(browser.run(AUDIT), json!([]));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn it_may_load_nothing_and_is_kept_nowhere() {
    let (detailed, samples) = reports::gone();
    let response = status_page(&detailed, &samples, &BootStage::Ready);
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    let policy = header("content-security-policy");
    let allowed: Vec<&str> = policy.split("; ").map(|rule| rule.split(['\'', ':']).next().unwrap().trim()).collect();
    assert_eq!(
        allowed,
        [
            "default-src",
            "style-src",
            "script-src",
            "connect-src",
            "img-src data",
            "base-uri",
            "form-action",
            "frame-ancestors"
        ]
    );
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("connect-src 'self'") && policy.ends_with("frame-ancestors 'none'"), "{policy}");
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("cache-control"), "no-store");
}

#[test]
fn figures_have_units_and_missing_ones_their_reason() {
    let (mut detailed, mut samples) = reports::degraded();
    detailed.authentication_health.total_users = Some(1_204_332);
    detailed.backups.age_seconds = Some(59);
    detailed.storage.clock_skew_seconds = Some(-0.001);
    assert!(html(&(detailed.clone(), samples.clone())).contains(">+0.00 s<"));
    detailed.storage.clock_skew_seconds = None;
    detailed.queries.slowest = Some(vec![
        StatementStatistics { query: "a".to_owned(), calls: 999, mean_ms: 0.421, total_ms: 99.94 },
        StatementStatistics { query: "b".to_owned(), calls: 1_000, mean_ms: 142.4, total_ms: 200_000.0 },
        StatementStatistics { query: "c".to_owned(), calls: 0, mean_ms: 1_400.0, total_ms: 273_600_000.0 },
    ]);
    detailed.basic_health.tables[0].last_update = Some(reports::now() + TimeDelta::hours(2));
    let page = html(&(detailed.clone(), samples.clone()));
    let texts = [
        "1,204,332",
        "59.0 s",
        "999",
        "0.42 ms",
        "99.9 ms",
        "1,000",
        "142 ms",
        "3 min 20 s",
        "1.4 s",
        "3 d 4 h",
        "in 2 h",
    ];
    for text in texts {
        assert!(page.contains(&format!(">{text}<")), "{text}");
    }
    // by the reason that names it, else the list of all reasons
    let why = "title=\"not known: pg_stat_statements is not installed";
    assert_eq!(page.matches(why).count(), 2, "slow queries and the mean");
    assert!(page.contains("href=\"#not-known\" title=\"not known: the report gives no reason\""));
    let label = "aria-label=\"Database latency in the last hour: min 0.70 ms, max 66.0 ms, last 48.0 ms\"";
    assert!(page.contains(label), "{page}");

    // a line has a gap where a sample has no figure, and no end where the last has none
    let lines = |samples: &[HealthSample]| {
        let page = html(&(detailed.clone(), samples.to_vec()));
        let spark =
            page.split("aria-label=\"Database latency").nth(1).unwrap().split("</svg>").next().unwrap().to_owned();
        (spark.split("class=\"line\"").nth(1).unwrap().matches('M').count(), spark.contains("class=\"last\""))
    };
    assert_eq!(lines(&samples), (2, true));
    samples[30].response_time_ms = None;
    samples[59].response_time_ms = None;
    assert_eq!(lines(&samples), (2, false));
    assert!(html(&reports::fresh()).contains("no history yet"));
}

#[test]
fn what_was_not_read_is_not_told_to_be_nothing() {
    let (mut detailed, samples) = reports::healthy();
    detailed.basic_health.tables.clear();
    detailed.maintenance.last_runs.clear();
    let page = html(&(detailed.clone(), samples.clone()));
    assert!(page.contains("No tables.") && page.contains("Nothing has run yet."), "{page}");
    // a database in the middle of its migrations, and a report that is not done
    detailed.basic_health.warnings =
        vec!["tables: the schema is not the one of this program, see migrations".to_owned()];
    detailed.warnings = vec!["every figure of the detailed report: still being read, ask again".to_owned()];
    let page = html(&(detailed, samples));
    assert!(!page.contains("No tables.") && !page.contains("Nothing has run yet."), "{page}");
    assert!(page.contains("– the schema is not the one of this program"), "{page}");
}

#[test]
fn its_head_can_be_pasted_into_a_ticket() {
    let pages = Pages::serve(reports::degraded());
    let browser = Browser::start();
    browser.look(360, 780, "dark");
    browser.go(&pages.url);
    let text = browser.run(
        "document.getElementById('as-text').open = true; return document.querySelector('#as-text pre').textContent",
    );
    let text = text.as_str().unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(first.starts_with("authsvc ") && first.ends_with(", production: degraded at 2026-11-24 03:12:45 UTC"));
    assert!(
        rest.starts_with("process: ready\n3 of 14 checks degraded.\n- degraded backup_age: the newest backup"),
        "{text}"
    );
    for line in [
        "  if it is not wanted: `SELECT pg_terminate",
        "pool: 4 of 10 open\n",
        "migrations: 9 applied, 0 pending, 010_sign_in\n",
    ] {
        assert!(rest.contains(line), "{line} is not in {text}");
    }
    assert_eq!(browser.run(AUDIT), json!([]));
    // figures that an unreachable database cannot report are omitted
    let (gone, samples) = reports::gone();
    let page =
        render_status_page(&gone, &samples, &BootStage::DatabaseGone { reason: "no answer".to_owned() }).unwrap();
    let text = page.split("as text\">").nth(1).unwrap().split("</pre>").next().unwrap();
    assert!(text.contains("process: the database is not available: no answer") && !text.contains("latency"), "{text}");
}

#[test]
fn the_worst_comes_first() {
    let (mut detailed, _) = reports::degraded();
    detailed.overall_status = HealthStatus::Unhealthy;
    reports::find(&mut detailed, "seed_accounts", HealthStatus::Unhealthy, "admin@example.com can log in", "delete it");
    let page = html(&(detailed, Vec::new()));
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not in {page}"));
    assert!(place("admin@example.com can log in") < place("the newest backup is 54 h old"));
    assert!(place("1 unhealthy and 3 degraded") < place("What to do next"));
    assert!(page.contains("No history yet"), "{page}");
}

#[test]
fn a_process_that_serves_nothing_says_so_whatever_the_database_says() {
    let (detailed, samples) = reports::healthy();
    let told = |stage: BootStage| {
        let page = render_status_page(&detailed, &samples, &stage).unwrap();
        (page.contains("<title>Healthy, not ready – authsvc production"), page)
    };
    assert!(!html(&reports::healthy()).contains("The service is not ready"));
    let migrating = BootStage::Migrating { current: Some("005_<b>".to_owned()), target: "010_sign_in".to_owned() };
    for (stage, text) in [
        (migrating, "migrating to 010_sign_in, at 005_&#60;b&#62;."),
        (
            BootStage::DatabaseGone { reason: "timed out waiting for a free connection".to_owned() },
            "timed out waiting for a free connection.",
        ),
        (BootStage::ShuttingDown, "stopping."),
    ] {
        let (title, page) = told(stage);
        assert!(title && page.contains("The service is not ready:</b> ") && page.contains(text), "{page}");
    }
}

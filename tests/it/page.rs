//! The status page, as text.

use authsvc::health::{Detailed, Sample, Statement, Status};
use authsvc::http::{render_status_page, status_page};
use chrono::TimeDelta;

use crate::support::reports;

fn html((detailed, samples): &(Detailed, Vec<Sample>)) -> String {
    render_status_page(detailed, samples).unwrap()
}

#[test]
fn it_may_load_nothing_and_is_kept_nowhere() {
    let (detailed, samples) = reports::gone();
    let response = status_page(&detailed, &samples);
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
    detailed.storage.clock_skew_seconds = None;
    detailed.queries.slowest = Some(vec![
        Statement { query: "a".to_owned(), calls: 999, mean_ms: 0.421, total_ms: 99.94 },
        Statement { query: "b".to_owned(), calls: 1_000, mean_ms: 142.4, total_ms: 200_000.0 },
        Statement { query: "c".to_owned(), calls: 0, mean_ms: 1_400.0, total_ms: 273_600_000.0 },
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
    assert!(page.contains("href=\"#not-known\" title=\"not known: the report does not say why\""));
    let label = "aria-label=\"Database latency in the last hour: min 0.70 ms, max 66.0 ms, last 48.0 ms\"";
    assert!(page.contains(label), "{page}");

    // a line has a gap where a sample has no figure, and no end where the last has none
    let lines = |samples: &[Sample]| {
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
fn the_worst_comes_first_and_no_error_is_lost() {
    let (mut detailed, _) = reports::degraded();
    detailed.overall_status = Status::Unhealthy;
    detailed.errors.push("nobody's error".to_owned());
    reports::find(&mut detailed, "seed_accounts", Status::Unhealthy, "admin@example.com can log in", "delete it");
    let page = html(&(detailed, Vec::new()));
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not in {page}"));
    assert!(place("admin@example.com can log in") < place("nobody&#39;s error"));
    assert!(place("nobody&#39;s error") < place("the newest backup is 54 h old"));
    assert!(place("2 unhealthy and 3 degraded") < place("What to do next"));
    assert!(page.contains("No history yet"), "{page}");
}

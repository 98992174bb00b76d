//! Values that users choose: addresses, passwords and pictures. Each kind has a table of refused and accepted values.

use std::time::{Duration, Instant};

use entity::value::Email;
use serde_json::{Value, json};

use crate::accounts::served;
use crate::support::api::{Answer, Request, log_in, register};
use crate::support::database::ENGINES;
use crate::support::{Database, Engine};

const ADDRESSES: [&str; 9] = [
    "ada@example.com",
    "ADA.Lovelace+news@Example.COM",
    "a@b.co",
    "a_b%c-d@x-y.example.museum",
    "1@1.aa",
    "_@a.example.com",
    "-@example.com",
    "a@xn--bcher-kva.example",
    "a--b@a--b.example.com",
];

const NO_ADDRESSES: [&str; 28] = [
    "a@ex..com",
    ".a@example.com",
    "a.@example.com",
    "a..b@example.com",
    "a@.example.com",
    "a@example.com.",
    "a@example.com..",
    "a@-example.com",
    "a@example-.com",
    "a@example.-a.com",
    "a@b",
    "a@localhost",
    "a@example.c",
    "a@example.c0m",
    "a@127.0.0.1",
    "a@[127.0.0.1]",
    "a@[IPv6:::1]",
    "\"a b\"@example.com",
    "\"a\"@example.com",
    "a b@example.com",
    "a@exa mple.com",
    "Ada <ada@example.com>",
    "ada@example.com, eve@example.com",
    "a@b@example.com",
    "a@ex\u{e4}mple.com",
    "\u{430}da@example.com",
    "a\u{0}@example.com",
    "@",
];

#[test]
fn addresses_of_new_accounts_are_what_mail_can_be_sent_to() {
    for text in ADDRESSES {
        assert!(Email::parse(text).is_ok(), "{text}");
    }
    for text in NO_ADDRESSES {
        assert!(Email::parse(text).is_err(), "{text}");
    }
    let (label, local) = ("x".repeat(63), "l".repeat(64));
    assert!(Email::parse(&format!("{local}@{label}.example.com")).is_ok());
    assert!(Email::parse(&format!("{local}l@example.com")).is_err());
    assert!(Email::parse(&format!("a@{label}x.example.com")).is_err());
    assert!(Email::parse(&format!("a@{label}.{label}.{label}.{label}.com")).is_err());
    assert!(Email::parse(&format!("{}@example.com", "a".repeat(1 << 20))).is_err());
}

#[test]
fn an_account_of_an_earlier_version_keeps_its_address() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        register(server.public, "ada").status(201);
        database.execute("UPDATE users SET email = 'a..b@ex..com'");
        log_in(server.public, "A..B@ex..com", "a long password").status(200);
        let other = json!({"email": "a..b@ex..com", "username": "other", "password": "a long password"});
        assert_eq!(wrong(&Request::post("/auth/register", &other).send(server.public)), ["email"]);
    }
}

/// Which fields an answer names.
#[track_caller]
fn wrong(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.problem(422), "invalid");
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

/// Of the most common ones, with other letters and spaces around them, and what is public about Ada.
const PASSWORDS: [&str; 22] = [
    "12345678",
    "password",
    "qwertyuiop",
    "iloveyou1",
    "1q2w3e4r5t",
    "11111111",
    "PASSWORD",
    "PaSsWoRd",
    "Password1",
    "  password",
    "password\t",
    "\u{a0}qwertyuiop\u{2003}",
    "       a",
    "ada.lovelace",
    "ADA.Lovelace",
    "ada.lovelace1",
    "1815ada.lovelace",
    "ada.lovelaceada.lovelace",
    "countess@example.com",
    "Countess@Example.com!",
    "countess1815",
    "xXcountessXx",
];

#[test]
fn common_passwords_are_refused_wherever_one_is_set() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let body =
            |password: &str| json!({"email": "countess@example.com", "username": "ada.lovelace", "password": password});
        let session = {
            for password in PASSWORDS {
                let refused = Request::post("/auth/register", &body(password)).send(server.public);
                assert_eq!(wrong(&refused), ["password"], "{password:?}");
            }
            assert_eq!(database.one("SELECT count(*) FROM users"), "0");
            Request::post("/auth/register", &body("countess of the engine")).send(server.public).status(201)
        };
        let (access, _) = session.tokens();
        for password in PASSWORDS {
            let change = json!({"current_password": "countess of the engine", "new_password": password});
            let refused = Request::post("/auth/password/change", &change).bearer(&access).send(server.public);
            assert_eq!(wrong(&refused), ["new_password"], "{password:?}");
        }
        log_in(server.public, "countess@example.com", "countess of the engine").status(200);
    }
}

#[test]
fn an_account_of_an_earlier_version_keeps_its_common_password() {
    let database = Database::migrated(Engine::Sqlite);
    let server = served(&database);
    register(server.public, "ada").status(201);
    let hash = bcrypt::hash("password", 4).unwrap();
    database.execute(&format!("UPDATE users SET password_hash = '{hash}'"));
    let (access, _) = log_in(server.public, "ada@example.com", "password").status(200).tokens();
    let change = json!({"current_password": "password", "new_password": "a long password"});
    Request::post("/auth/password/change", &change).bearer(&access).send(server.public).status(204);
}

#[test]
fn a_refused_password_costs_no_hash() {
    let database = Database::migrated(Engine::Sqlite);
    let server = served(&database);
    let body = json!({"email": "ada@example.com", "username": "ada", "password": "qwertyuiop"});
    let start = Instant::now();
    for _ in 0..50 {
        Request::post("/auth/register", &body).send(server.public).refused(422, "invalid");
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?} for 50", start.elapsed());
}

const PICTURES: [(&str, &str); 7] = [
    ("https://example.com/ada.png", "https://example.com/ada.png"),
    ("https://example.com", "https://example.com/"),
    ("HTTPS://Example.COM/A.png?s=64#x", "https://example.com/A.png?s=64#x"),
    ("https://example.com.:8443/a", "https://example.com.:8443/a"),
    ("https://a_b.example.com/%7Eada", "https://a_b.example.com/%7Eada"),
    ("https://example.com\\@169.254.169.254/a", "https://example.com/@169.254.169.254/a"),
    ("https://xn--bcher-kva.example/a", "https://xn--bcher-kva.example/a"),
];

const NO_PICTURES: [&str; 58] = [
    "",
    "example.com/a.png",
    "http://example.com/a.png",
    "ftp://example.com/a.png",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "https:",
    "https://",
    "https:///",
    "https://user@example.com/",
    "https://user:secret@example.com/",
    "https://:secret@example.com/",
    "https://@169.254.169.254/",
    "https://example.com@169.254.169.254/",
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0/",
    "https://%31%32%37.0.0.1/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://0xa9fea9fe/",
    "https://2852039166/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://93.184.215.14/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://a.localhost/",
    "https://metadata/",
    "https://metadata.google.internal/",
    "https://metadata.google.internal./",
    "https://printer.local/",
    "https://router.lan/",
    "https://a.home.arpa/",
    "https://1.0.0.127.in-addr.arpa/",
    "https://example..com/",
    "https://exa mple.com/",
    "https://example.com/a b",
    "https://example.com/\u{e4}",
    "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
    "https://\u{24db}ocalhost/",
];

#[test]
fn pictures_are_at_hosts_of_the_internet() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let (access, _) = register(server.public, "ada").tokens();
        let change = |avatar: &str| {
            Request::new("PATCH", "/api/me").bearer(&access).json(&json!({"avatar": avatar})).send(server.public)
        };
        for address in NO_PICTURES {
            assert_eq!(wrong(&change(address)), ["avatar"], "{address}");
        }
        assert_eq!(wrong(&change(&format!("https://example.com/{}", "a".repeat(500)))), ["avatar"]);
        assert_eq!(database.one("SELECT count(*) FROM users WHERE avatar_url IS NULL"), "1");
        for (address, stored) in PICTURES {
            let changed: Value = change(address).status(200).json();
            assert_eq!(changed["avatar"], stored);
            // what is stored can be chosen again
            assert_eq!(change(stored).status(200).json()["avatar"], stored);
        }
    }
}

#[test]
fn the_development_data_is_what_people_could_choose() {
    let users = include_str!("../../seed/users.json");
    for user in serde_json::from_str::<Vec<Value>>(users).unwrap() {
        assert!(Email::parse(user["email"].as_str().unwrap()).is_ok(), "{user}");
        let avatar = user["avatar_url"].as_str().unwrap_or("https://avatars.example.com/");
        assert!(avatar.starts_with("https://avatars.example.com/"), "{user}");
    }
}

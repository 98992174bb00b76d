//! Encrypted tokens: rotation of keys, and ciphertexts that were changed or moved.

use authsvc::auth::vault::{Error, InvalidKeys, TokenColumn, TokenLocation, Vault};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use entity::value::{Provider, ProviderToken};
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};

const PLACE: TokenLocation<'_> =
    TokenLocation { provider: Provider::Google, provider_id: "1077", column: TokenColumn::AccessToken };

fn key(byte: u8) -> String {
    STANDARD.encode([byte; 32])
}

fn vault(keys: &str) -> Vault {
    Vault::from_keys(&SecretString::from(keys)).unwrap()
}

fn token() -> SecretString {
    "the-s3cret-token".into()
}

#[test]
fn vault_seals_and_opens() {
    let vault = vault(&key(1));
    let sealed = vault.seal(&token(), PLACE).unwrap();
    assert_eq!(sealed.key_id, vault.current_key_id());
    assert!(sealed.key_id.len() == 16 && sealed.key_id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let opened = vault.open(&sealed.token, &sealed.key_id, PLACE).unwrap();
    assert_eq!(opened.expose_secret(), "the-s3cret-token");
    // the nonce is new each time
    assert_ne!(vault.seal(&token(), PLACE).unwrap().token, sealed.token);
    assert!(!String::from_utf8_lossy(&STANDARD.decode(sealed.token.expose()).unwrap()).contains("s3cret"));
}

#[test]
fn vault_keys_rotate() {
    let old = vault(&key(1));
    let sealed = old.seal(&token(), PLACE).unwrap();
    let both = vault(&format!("{}\n{}\n", key(2), key(1)));
    assert_ne!(both.current_key_id(), old.current_key_id());
    both.open(&sealed.token, &sealed.key_id, PLACE).unwrap();
    let again = both.seal(&token(), PLACE).unwrap();
    let new = vault(&key(2));
    new.open(&again.token, &again.key_id, PLACE).unwrap();
    let error = new.open(&sealed.token, &sealed.key_id, PLACE).unwrap_err();
    assert!(matches!(&error, Error::UnknownKey(id) if *id == sealed.key_id), "{error:?}");
    assert!(error.to_string().contains("AUTHSVC_ENCRYPTION_KEY") && error.hint().unwrap().contains("add that key"));
    // the id of one key does not make another one fit
    let error = new.open(&sealed.token, new.current_key_id(), PLACE).unwrap_err();
    assert!(matches!(error, Error::Broken(_)), "{error:?}");
}

#[test]
fn vault_ciphertexts_cannot_be_moved() {
    let vault = vault(&key(1));
    let sealed = vault.seal(&token(), PLACE).unwrap();
    for place in [
        TokenLocation { provider_id: "1078", ..PLACE },
        TokenLocation { provider_id: "", ..PLACE },
        TokenLocation { provider_id: "1077\0", ..PLACE },
        TokenLocation { provider: Provider::Github, ..PLACE },
        TokenLocation { column: TokenColumn::RefreshToken, ..PLACE },
    ] {
        let error = vault.open(&sealed.token, &sealed.key_id, place).unwrap_err();
        assert!(matches!(error, Error::Broken(_)), "{place:?}");
    }
}

#[test]
fn vault_ciphertexts_cannot_be_changed() {
    let vault = vault(&key(1));
    let sealed = vault.seal(&token(), PLACE).unwrap();
    let bytes = STANDARD.decode(sealed.token.expose()).unwrap();
    let opens = |bytes: &[u8]| vault.open(&ProviderToken::new(STANDARD.encode(bytes)), &sealed.key_id, PLACE).is_ok();
    assert!(opens(&bytes));
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!opens(&changed), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(!opens(&bytes[..length]), "{length} bytes");
    }
    for text in ["", "in clear", "gho_s3cret"] {
        let error = vault.open(&ProviderToken::new(text), &sealed.key_id, PLACE).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}

#[test]
fn vault_keys_are_read_in_any_form() {
    // of 0xff bytes the alphabets differ
    let expected = vault(&key(0xff));
    let forms = [STANDARD.encode([0xff; 32]), URL_SAFE.encode([0xff; 32]), STANDARD_NO_PAD.encode([0xff; 32])];
    for form in forms {
        for text in [form.clone(), format!(" {form} \r\n"), format!("{form},"), format!("{form},\n{}", key(2))] {
            assert_eq!(vault(&text).current_key_id(), expected.current_key_id());
        }
    }
}

#[test]
fn vault_keys_that_are_refused() {
    for (text, expected) in [
        (String::new(), InvalidKeys::Missing),
        (" ,\n".to_owned(), InvalidKeys::Missing),
        ("s3cret!".to_owned(), InvalidKeys::NotBase64(1)),
        (STANDARD.encode([1; 31]), InvalidKeys::Length { number: 1, bytes: 31 }),
        (format!("{},{}", key(1), STANDARD.encode([1; 33])), InvalidKeys::Length { number: 2, bytes: 33 }),
        (format!("{},{}", key(1), key(1)), InvalidKeys::Twice(2)),
    ] {
        assert_eq!(Vault::from_keys(&SecretString::from(text)).unwrap_err(), expected);
    }
    assert!(InvalidKeys::Missing.hint().contains("openssl rand -base64 32"));
}

#[test]
fn vault_prints_key_ids_only() {
    let vault = vault(&format!("{},{}", key(1), key(2)));
    let sealed = vault.seal(&token(), PLACE).unwrap();
    assert!(format!("{vault:?}").contains(vault.current_key_id()));
    for shown in [format!("{vault:?}"), format!("{sealed:?}")] {
        assert!(!shown.contains(&key(1)) && !shown.contains("1, 1") && !shown.contains(sealed.token.expose()));
    }
}

proptest! {
    #[test]
    fn vault_gives_back_any_text(text in "\\PC{0,200}", provider_id in "\\PC{1,40}") {
        let vault = vault(&key(3));
        let place = TokenLocation { provider: Provider::Github, provider_id: &provider_id, column: TokenColumn::RefreshToken };
        let sealed = vault.seal(&text.clone().into(), place).unwrap();
        let opened = vault.open(&sealed.token, &sealed.key_id, place).unwrap();
        prop_assert_eq!(opened.expose_secret(), text);
    }
}

//! Model of sessions: two devices of an owner and a thief with a copied token act in any order, and responses are lost.
//!
//! Invariants: After an end, nothing of the session works. A lost response never ends a session. Of two holders of one
//! token, at most one continues.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::accounts::served;
use crate::support::Database;
use crate::support::api::{Request, log_in, me, refresh, register};
use crate::support::database::ENGINES;
use crate::support::program::Server;

const PASSWORDS: [&str; 2] = ["a long password", "another long password"];

/// What happens next; the number is a device.
#[derive(Debug, Clone, Copy)]
enum Step {
    LogIn(usize),
    Refresh(usize),
    /// The device gets no answer and keeps its token.
    LoseAnswer(usize),
    UseAccess(usize),
    LogOut(usize),
    /// From the other device.
    End(usize),
    ChangePassword(usize),
    /// The thief copies the tokens that a device has.
    Steal(usize),
    ThiefRefreshes,
}

fn step() -> impl Strategy<Value = Step> {
    let device = 0..2_usize;
    prop_oneof![
        2 => device.clone().prop_map(Step::LogIn),
        4 => device.clone().prop_map(Step::Refresh),
        3 => device.clone().prop_map(Step::LoseAnswer),
        2 => device.clone().prop_map(Step::UseAccess),
        1 => device.clone().prop_map(Step::LogOut),
        1 => device.clone().prop_map(Step::End),
        1 => device.clone().prop_map(Step::ChangePassword),
        1 => device.prop_map(Step::Steal),
        3 => Just(Step::ThiefRefreshes),
    ]
}

/// A session as a party sees it.
#[derive(Clone, Default)]
struct Held {
    tokens: Option<(String, String)>,
    /// Everything that was ever handed out in it, for the look after its end.
    past: Vec<(String, String)>,
    /// The refresh tokens that its owner received.
    got: Vec<String>,
    was_stolen: bool,
    is_ended: bool,
    /// The access token of `tokens` was used, so their answer arrived.
    is_used: bool,
}

impl Held {
    fn get(&mut self, tokens: (String, String)) {
        self.past.push(tokens.clone());
        self.got.push(tokens.1.clone());
        self.tokens = Some(tokens);
        self.is_used = false;
    }
}

struct World<'a> {
    server: &'a Server,
    name: String,
    password: usize,
    devices: [Held; 2],
    /// The tokens that the thief has, and the device that they were copied from.
    thief: Option<((String, String), usize)>,
}

impl World<'_> {
    fn email(&self) -> String {
        format!("{}@example.com", self.name)
    }

    fn run(&mut self, step: Step) -> Result<(), TestCaseError> {
        let at = self.server.public;
        match step {
            Step::LogIn(device) => {
                self.leave(device)?;
                let tokens = log_in(at, &self.email(), PASSWORDS[self.password]).status(200).tokens();
                self.devices[device] = Held::default();
                self.devices[device].get(tokens);
            }
            Step::Refresh(device) => self.refresh(device, true)?,
            Step::LoseAnswer(device) => self.refresh(device, false)?,
            Step::UseAccess(device) => self.use_access(device)?,
            Step::LogOut(device) => self.leave(device)?,
            Step::End(device) => self.end(device)?,
            Step::ChangePassword(device) => self.change_password(device)?,
            Step::Steal(device) => {
                let held = &mut self.devices[device];
                held.was_stolen |= held.tokens.is_some();
                self.thief = held.tokens.clone().map(|tokens| (tokens, device)).or(self.thief.take());
            }
            Step::ThiefRefreshes => self.thief_refreshes()?,
        }
        Ok(())
    }

    /// A session that no thief touched is never ended by a refresh, whatever answer was lost.
    fn refresh(&mut self, device: usize, arrives: bool) -> Result<(), TestCaseError> {
        let held = &mut self.devices[device];
        let Some((_, token)) = held.tokens.clone() else { return Ok(()) };
        let answer = refresh(self.server.public, &token);
        if !held.was_stolen {
            prop_assert_eq!(answer.status, if held.is_ended { 401 } else { 200 }, "{:?}", answer);
        }
        if answer.status == 200 && arrives {
            held.get(answer.tokens());
        } else if answer.status == 200 {
            held.past.push(answer.tokens());
        }
        Ok(())
    }

    fn use_access(&mut self, device: usize) -> Result<(), TestCaseError> {
        let held = &mut self.devices[device];
        let Some((access, _)) = &held.tokens else { return Ok(()) };
        let answer = me(self.server.public, access);
        held.is_used |= answer.status == 200;
        prop_assert!(held.was_stolen || answer.status == if held.is_ended { 401 } else { 200 }, "{:?}", answer);
        Ok(())
    }

    fn leave(&mut self, device: usize) -> Result<(), TestCaseError> {
        let Some((_, token)) = self.devices[device].tokens.clone() else { return Ok(()) };
        Request::post("/auth/logout", &json!({"refresh_token": token})).send(self.server.public).status(204);
        self.is_over(device)
    }

    /// The other device ends every session but its own.
    fn end(&mut self, device: usize) -> Result<(), TestCaseError> {
        let Some((access, _)) = self.devices[1 - device].tokens.clone() else { return Ok(()) };
        let list = Request::new("GET", "/api/me/sessions").bearer(&access).send(self.server.public);
        if list.status == 401 {
            return Ok(());
        }
        for session in list.json().as_array().unwrap().iter().filter(|session| session["current"] == false) {
            let path = format!("/api/me/sessions/{}", session["id"]);
            Request::new("DELETE", &path).bearer(&access).send(self.server.public).status(204);
        }
        self.is_over(device)
    }

    fn change_password(&mut self, device: usize) -> Result<(), TestCaseError> {
        let Some((access, _)) = self.devices[device].tokens.clone() else { return Ok(()) };
        let (old, new) = (PASSWORDS[self.password], PASSWORDS[1 - self.password]);
        let body = json!({"current_password": old, "new_password": new});
        let answer = Request::post("/auth/password/change", &body).bearer(&access).send(self.server.public);
        if answer.status == 401 {
            return Ok(());
        }
        prop_assert_eq!(answer.status, 204, "{:?}", answer);
        self.password = 1 - self.password;
        self.is_over(1 - device)
    }

    /// The thief refreshes what it has, and uses the access token. Of thief and owner at most one can continue: the other's
    /// next refresh either fails or ends the thief's session.
    /// A token that the owner had and replaced is refused once the owner has used the answer.
    fn thief_refreshes(&mut self) -> Result<(), TestCaseError> {
        let Some(((_, token), device)) = self.thief.take() else { return Ok(()) };
        let owner = &self.devices[device];
        let was_owners = owner.got.contains(&token) && owner.tokens.as_ref().is_some_and(|(_, now)| *now != token);
        let answer = refresh(self.server.public, &token);
        prop_assert!(!(was_owners && owner.is_used && answer.status == 200), "a thief replaced tokens in use");
        if answer.status == 200 {
            let tokens = answer.tokens();
            self.devices[device].past.push(tokens.clone());
            self.thief = Some((tokens, device));
        }
        Ok(())
    }

    /// After an end nothing of the session works, neither the owner's tokens nor the thief's.
    fn is_over(&mut self, device: usize) -> Result<(), TestCaseError> {
        let held = &mut self.devices[device];
        held.is_ended = true;
        for (access, token) in &held.past {
            prop_assert_eq!(me(self.server.public, access).status, 401);
            prop_assert_eq!(refresh(self.server.public, token).status, 401);
        }
        Ok(())
    }

    /// Owner and thief both go on with what they have: at most one of them succeeds in the end.
    fn at_most_one_goes_on(&mut self) -> Result<(), TestCaseError> {
        let Some(((_, thief), device)) = self.thief.take() else { return Ok(()) };
        let Some((_, owner)) = self.devices[device].tokens.clone() else { return Ok(()) };
        let mut holders = [Some(owner), Some(thief)];
        for _ in 0..3 {
            for holder in &mut holders {
                let Some(token) = holder.take() else { continue };
                let answer = refresh(self.server.public, &token);
                if answer.status == 200 {
                    let (access, token) = answer.tokens();
                    // who has an answer uses it
                    *holder = (me(self.server.public, &access).status == 200).then_some(token);
                }
            }
        }
        let going_on =
            holders.iter().flatten().filter(|token| refresh(self.server.public, token).status == 200).count();
        prop_assert!(going_on <= 1);
        Ok(())
    }
}

#[test]
fn sessions_keep_their_promises_in_any_order_of_events() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let number = std::cell::Cell::new(0);
        let config = Config { cases: 24, max_shrink_iters: 30, failure_persistence: None, ..Config::default() };
        let run = |steps: Vec<Step>| {
            number.set(number.get() + 1);
            let name = format!("user{}", number.get());
            register(server.public, &name).status(201);
            let devices = [Held::default(), Held::default()];
            let mut world = World { server: &server, name, password: 0, devices, thief: None };
            steps.into_iter().try_for_each(|step| world.run(step))?;
            world.at_most_one_goes_on()
        };
        // rare among the random ones
        let (log_in, steal, refresh, used) = (Step::LogIn(0), Step::Steal(0), Step::Refresh(0), Step::UseAccess(0));
        run(vec![log_in, steal, refresh, used, Step::ThiefRefreshes]).unwrap();
        let held = TestRunner::new(config).run(&prop::collection::vec(step(), 1..14), run);
        held.unwrap_or_else(|error| panic!("{engine:?}: {error}"));
    }
}

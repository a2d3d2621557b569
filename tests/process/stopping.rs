//! A rollout from the clients' side. They behave like a load balancer's connections: each is kept until an answer says
//! `connection: close`, and is then replaced by a new one, until the balancer has seen that the server is not ready. As
//! balancers are slow, some new connections are still opened after that. Being refused before a request was sent, once
//! the lame-duck period is over, is not a loss: a balancer asks another server then.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::program::{Connection, PATIENCE, Server};

const CLIENTS: usize = 4;
const ROW: &str = r#"{"instances": [[5.1, 3.5, 1.4, 0.2]]}"#;

/// What clients and balancer know of each other.
#[derive(Default)]
struct Traffic {
    out_of_rotation: AtomicBool,
    answered: AtomicUsize,
    /// Answered on connections that were opened out of rotation.
    answered_late: AtomicUsize,
    refused: AtomicUsize,
}

impl Traffic {
    /// One client until the server is out of rotation and `late` more connections were used.
    fn send(&self, server: SocketAddr, late: usize) -> Result<(), String> {
        let mut left = late;
        loop {
            let is_late = self.out_of_rotation.load(Ordering::Acquire);
            if is_late {
                let Some(rest) = left.checked_sub(1) else { return Ok(()) };
                left = rest;
            }
            let Ok(mut connection) = Connection::open(server) else {
                self.refused.fetch_add(1, Ordering::AcqRel);
                return Ok(());
            };
            loop {
                let answer = connection.ask("POST", "/predict", ROW).map_err(|error| format!("lost: {error}"))?;
                if answer.status != 200 {
                    return Err(format!("not served: {answer:?}"));
                }
                self.answered.fetch_add(1, Ordering::AcqRel);
                if is_late {
                    self.answered_late.fetch_add(1, Ordering::AcqRel);
                }
                if answer.close {
                    break;
                }
            }
        }
    }

    fn wait_until_some_are_answered(&self) {
        let (begun, wanted) = (Instant::now(), self.answered.load(Ordering::Acquire) + 100 * CLIENTS);
        while self.answered.load(Ordering::Acquire) < wanted {
            assert!(begun.elapsed() < PATIENCE, "requests should be answered by now");
            thread::yield_now();
        }
    }
}

#[test]
fn under_load_a_stopping_server_loses_no_request() {
    let mut server = Server::start_ready(&["--models", "models", "--lame-duck", "1s"]);
    let (address, traffic) = (server.address, Traffic::default());
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| traffic.send(address, 3))).collect();
        traffic.wait_until_some_are_answered();
        server.signal("TERM");
        // The balancer's probe. Refused means that it came later than the lame-duck period: then nobody else comes either.
        let ready = || Connection::open(server.address)?.ask("GET", "/health/ready", "");
        while ready().is_ok_and(|answer| answer.status == 200) {}
        traffic.out_of_rotation.store(true, Ordering::Release);
        for client in clients {
            client.join().expect("no panic").expect("no request is lost");
        }
    });
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_lame_duck_says_so_at_once_and_serves_on_until_it_is_told_again() {
    let mut server = Server::start_ready(&["--models", "models", "--lame-duck", "1h"]);
    let (address, traffic) = (server.address, Traffic::default());
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| traffic.send(address, 20))).collect();
        traffic.wait_until_some_are_answered();
        server.signal("TERM");
        let unready = server.get_until("/health/ready", |answer| answer.status != 200);
        assert_eq!((unready.status, unready.close), (503, true));
        assert_eq!(unready.json()["reason"], "the server is shutting down");
        traffic.out_of_rotation.store(true, Ordering::Release);
        for client in clients {
            client.join().expect("no panic").expect("no request is lost");
        }
        assert_eq!(server.get("/health/live").status, 200);
    });
    // Every one of those connections was good for exactly one request.
    assert_eq!(traffic.answered_late.into_inner(), 20 * CLIENTS);
    assert_eq!(traffic.refused.into_inner(), 0);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    for step in ["shutdown 1/4", "shutdown 2/4", "shutdown 3/4", "shutdown 4/4"] {
        server.wait_for(step);
    }
    assert!(Connection::open(server.address).is_err(), "nobody listens any more");
}

#[test]
fn every_usual_signal_stops_it_in_peace() {
    for signal in ["TERM", "INT", "QUIT"] {
        let mut server = Server::start_ready(&["--models", "models/iris", "--lame-duck", "0"]);
        server.signal(signal);
        assert_eq!(server.wait_for("shutdown 1/4")["signal"], format!("SIG{signal}"));
        assert_eq!(server.wait().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_server_that_is_still_loading_stops_too() {
    let mut server = Server::start(&["--models", "models", "--lame-duck", "0"]);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

//! What the log says of requests: one line each, with the code of the answer when it was a refusal.

use crate::program::{Connection, Server};

#[test]
fn each_prediction_has_a_line_and_a_refused_one_its_code() {
    let server = Server::start_ready(&["--models", "models/iris"]);
    let mut connection = Connection::open(server.address).expect("a connection");
    for (body, status, code) in [("[5.1, 3.5, 1.4, 0.2]", 200, None), ("[5.1, 3.5]", 400, Some("wrong_shape"))] {
        connection.ask("POST", "/predict", body).expect("an answer");
        let line = server.wait_for("request");
        assert_eq!(line["status"], status);
        assert_eq!(line["code"].as_str(), code);
        assert_eq!((line["model"].as_str(), line["version"].as_u64()), (Some("iris"), Some(2)));
        assert!(line["request_id"].as_str().is_some_and(|id| !id.is_empty()));
    }
}

//! Where to send requests: `http://HOST[:PORT][/PATH]`. Hosts are addresses and `localhost`, because a static binary has no
//! resolver. No TLS: what is measured is a server, not the proxy before it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::super::Failure;

/// A place to send requests to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// Host and port as the `host` header names them.
    pub(super) host: String,
    pub(super) address: SocketAddr,
    /// With its slash and query; `None` where only a server is named.
    pub(super) path: Option<String>,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure(format!("{text:?}: {why}; expected http://HOST:PORT/PATH or a .onnx file"));
        if text.starts_with("https://") {
            return Err(wrong("TLS is not spoken here, ask the server itself"));
        }
        let rest = text.strip_prefix("http://").ok_or_else(|| wrong("neither a URL nor a model file"))?;
        let (host, path) = match rest.find(['/', '?']) {
            Some(at) if rest[at..].starts_with('/') => (&rest[..at], Some(rest[at..].to_owned())),
            Some(at) => (&rest[..at], Some(format!("/{}", &rest[at..]))),
            None => (rest, None),
        };
        if host.contains('@') {
            return Err(wrong("a user has no place in it, use --header 'authorization: ...'"));
        }
        if host.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(wrong("not a URL"));
        }
        let address = address(host).map_err(|why| wrong(&why))?;
        Ok(Self { host: host.into(), address, path: path.filter(|path| path != "/") })
    }

    /// The whole of it, with this path where it has none.
    pub(super) fn with_path(&self, path: &str) -> String {
        format!("http://{}{}", self.host, self.path.as_deref().unwrap_or(path))
    }
}

fn address(host: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, 80));
    }
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
    let port = port.parse().map_err(|_| format!("{port:?} is no port"))?;
    match name {
        "localhost" => Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)),
        _ => Err(format!("host names are not looked up, give its address (`getent hosts {name}` tells it)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_a_place_and_perhaps_a_path() {
        for (text, address, path) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", None),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080", None),
            ("http://localhost/a?b=c", "127.0.0.1:80", Some("/a?b=c")),
            ("http://localhost:9?b=c", "127.0.0.1:9", Some("/?b=c")),
            ("http://[::1]:9/x", "[::1]:9", Some("/x")),
            ("http://[::1]", "[::1]:80", None),
            ("http://10.0.0.1/x", "10.0.0.1:80", Some("/x")),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.address.to_string().as_str(), url.path.as_deref()), (address, path), "{text}");
        }
        for bad in [
            "localhost:8080",
            "https://127.0.0.1/",
            "http://",
            "http://a b/",
            "http://u@127.0.0.1",
            "http://127.0.0.1:x",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }
}

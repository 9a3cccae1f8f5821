//! What the daemon says about configurations, and how it ends.

use std::net::TcpListener;

use anyhow::{Result, ensure};
use lbx_tests::daemon::{Ended, Program, Setup};
use lbx_tests::origin::Origin;

use crate::lbx;

fn check(config: &str) -> Result<Ended> {
    Setup::new(Program::Lbx, config)?.argument("-c").run_to_end()
}

/// An unknown word is refused with its place and a hint, whether the file is checked or served.
pub(crate) fn unknown_words() -> Result<()> {
    let config = "defaults\n    mode tcp\nlisten a\n    bind 127.0.0.1:1\n    balence roundrobin\n";
    for arguments in [&["-c"][..], &[]] {
        let setup = Setup::new(Program::Lbx, config)?;
        let ended = arguments.iter().fold(setup, |setup, argument| setup.argument(argument)).run_to_end()?;
        ensure!(ended.status.code() == Some(1), "{ended:?}");
        for part in ["test.cfg:5:5", "balence", "balance"] {
            ensure!(ended.output.contains(part), "{part:?} in {}", ended.output);
        }
    }
    Ok(())
}

/// One run reports all that is wrong.
pub(crate) fn all_errors() -> Result<()> {
    let config = "
global
    nonsense one
defaults
    timeout client soon
backend b
    server s1
    server s2 127.0.0.1:80 check inter 5x
frontend f
    bind 127.0.0.1:1
    default_backend missing
";
    let ended = check(config)?;
    ensure!(ended.status.code() == Some(1), "{ended:?}");
    for place in ["test.cfg:3:", "test.cfg:5:", "test.cfg:7:", "test.cfg:8:", "test.cfg:11:"] {
        ensure!(ended.output.contains(place), "{place} in {}", ended.output);
    }
    Ok(())
}

pub(crate) fn check_mode() -> Result<()> {
    let ended = check(
        "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nlisten a\n bind 127.0.0.1:1\n server \
         s 127.0.0.1:2\n",
    )?;
    ensure!(ended.status.success(), "{ended:?}");
    Ok(())
}

/// `option xdp` where the kernel can't serve is an error that says why; without it, `-c` says which plane serves.
pub(crate) fn option_xdp() -> Result<()> {
    let rest = "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n\
                listen a\n bind 127.0.0.1:1\n server s 127.0.0.1:2\n";
    let refused = check(&format!("{rest} option xdp\n"))?;
    ensure!(refused.status.code() == Some(1), "{refused:?}");
    for part in ["can't be served in the kernel", "no 'xdp-interface'"] {
        ensure!(refused.output.contains(part), "{part:?} in {}", refused.output);
    }
    let interface = format!("global\n xdp-interface lo\n{rest}");
    let kernel = check(&interface)?;
    ensure!(kernel.output.contains("proxy a: kernel"), "{}", kernel.output);
    let user = check(&format!("{interface} no option xdp\n"))?;
    ensure!(user.output.contains("'no option xdp' keeps it in user space"), "{}", user.output);
    Ok(())
}

/// When an address is taken, the message names the address, the proxy's line and the reason.
pub(crate) fn taken_address() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let (origin, address) = (Origin::tcp("s1")?, taken.local_addr()?);
    let config = "listen a\n    mode tcp\n    bind {taken}\n    server s1 {s1}\n";
    let ended = lbx(config)?.set("taken", address).set("s1", origin.address()).run_to_end()?;
    ensure!(ended.status.code() == Some(1), "{ended:?}");
    for part in [&address.to_string(), "test.cfg:", "in use"] {
        ensure!(ended.output.contains(part), "{part:?} in {}", ended.output);
    }
    Ok(())
}

pub(crate) fn missing_file() -> Result<()> {
    let mut command = std::process::Command::new(Program::Lbx.path()?);
    let output = command.args(["-c", "-f", "/nonexistent/lbx.cfg"]).output()?;
    ensure!(output.status.code() == Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(text.contains("/nonexistent/lbx.cfg") && text.contains("No such file"), "{text}");
    Ok(())
}

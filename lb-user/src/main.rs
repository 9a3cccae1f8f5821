//! The daemon.
mod args;
fn main() {
    let _ = args::CommandLine::parse_from_os(std::env::args_os());
}

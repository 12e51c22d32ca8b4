//! How many small resources a second are read, checked, classified and shown, on one thread:
//! `cargo run --release -p carechain-fhir --features generate --example speed`.
#![expect(
    clippy::disallowed_methods,
    reason = "measures with the clock; the crate has none"
)]

use std::time::Instant;

use carechain_fhir::{
    Document, GenerateOptions, Resource, check_resource, classify, generate, read_document, view,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = GenerateOptions {
        resources_target: 5_000,
        as_of_date: "2026-01-01".into(),
        story: None,
    };
    let started = Instant::now();
    let person = generate(1, &options)?;
    rate("generated", person.resources, started);

    let started = Instant::now();
    let document = read_document(&person.bundle_json)?;
    rate("read", person.resources, started);
    let Document::Bundle(bundle) = document else {
        return Err("not a Bundle".into());
    };
    let resources: Vec<&Resource<'_>> = bundle
        .entries()
        .iter()
        .filter_map(|entry| entry.resource.as_ref())
        .collect();

    let started = Instant::now();
    let issues: usize = resources
        .iter()
        .map(|resource| check_resource(resource).len())
        .sum();
    rate("checked", resources.len(), started);
    let started = Instant::now();
    let categories: u64 = resources
        .iter()
        .map(|resource| u64::from(classify(resource).number()))
        .sum();
    rate("classified", resources.len(), started);
    let started = Instant::now();
    let rows: usize = resources
        .iter()
        .map(|resource| view(resource).sections.len())
        .sum();
    rate("shown", resources.len(), started);
    println!(
        "{} bytes, {issues} issues, {rows} sections, {categories}",
        person.bundle_json.len()
    );
    Ok(())
}

fn rate(what: &str, count: usize, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    println!("{what}: {:.0} resources/s", count / seconds);
}

//! Builds the runtime for Wasm, which is what the chain runs. The native build is there for types and tests.

fn main() {
    #[cfg(feature = "std")]
    {
        // With a target directory outside the workspace the builder cannot find Cargo.lock by itself.
        if std::env::var_os("WASM_BUILD_WORKSPACE_HINT").is_none() {
            // Asked for when it runs: a target directory that checkouts share may hold a script built in another one.
            let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo tells build scripts; qed");
            std::env::set_var("WASM_BUILD_WORKSPACE_HINT", format!("{here}/.."));
        }
        substrate_wasm_builder::WasmBuilder::init_with_defaults().build();
    }
}

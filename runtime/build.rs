//! Builds the runtime for Wasm, which is what the chain runs. The native build is there for types and tests.

fn main() {
    #[cfg(feature = "std")]
    {
        // With a target directory outside the workspace the builder cannot find Cargo.lock by itself.
        if std::env::var_os("WASM_BUILD_WORKSPACE_HINT").is_none() {
            std::env::set_var("WASM_BUILD_WORKSPACE_HINT", concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        }
        substrate_wasm_builder::WasmBuilder::init_with_defaults().build();
    }
}

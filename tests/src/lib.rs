//! Whole-network tests over real `station` processes.

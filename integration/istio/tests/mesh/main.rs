//! Coalmine in a real Istio.
//!
//! One program, because it is linked once and its tests share both cores. Tests share a mesh where
//! they can, each in namespaces of its own, and have their own where they change what others see.
//! `COALMINE_ISTIO` chooses the Istio, `COALMINE_ENVOY` another Envoy than the one it was made for.

mod by_hand;
mod changes;
mod control_plane;
mod envoy_filter;
mod existing;
mod gateway_api;
mod kubelet;
mod metrics;
mod order;
mod page;
mod path;
mod rollout;
mod rollout_stage;
mod scene;
mod setting;
mod shop;
mod status;
mod status_rights;
mod trouble;
mod two_meshes;
mod two_plugins;
mod users;
mod waypoint;

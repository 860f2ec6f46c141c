//! A real Istio on this machine, without a cluster: what `cargo xtask istio` and its tests stand on.
//!
//! Kubernetes' API server with etcd, istiod, and Istio's agents each with an Envoy, as gateways and
//! as sidecars. There are no nodes and no pods: a workload is a server on 127.0.0.1 that a
//! `WorkloadEntry` names. All else is what a cluster has: CRDs with their CEL rules, istiod's
//! validation webhook, tokens, workload certificates, and modules pulled from a registry.
//!
//! | module | what it is |
//! |---|---|
//! | [`release`] | which Istio and which Kubernetes, and the Envoy that belongs to it |
//! | [`programs`] | their programs, built from Go modules once and kept |
//! | [`compile`] | one Go module to programs, with progress |
//! | [`processes`] | which processes there are, and which have ended |
//! | [`ports`] | ports that nobody uses, for programs that must be told one |
//! | [`cluster`] | etcd and the API server |
//! | [`kubectl`] | `kubectl` and `istioctl` against it |
//! | [`istiod`] | the control plane, and its validation webhook |
//! | [`proxy`] | an agent with its Envoy |
//! | [`workload`] | a service with a version or more, as Kubernetes and Istio see it |
//! | [`mesh`] | all of it together |

#![forbid(unsafe_code)]

pub mod cluster;
pub mod compile;
pub mod istiod;
pub mod kubectl;
pub mod mesh;
pub mod ports;
pub mod processes;
pub mod programs;
pub mod proxy;
pub mod release;
pub mod workload;

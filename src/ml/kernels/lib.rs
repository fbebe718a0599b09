//! Kernels of small convolutional networks on a CPU, the same bits on every machine.
//!
//! A package of its own, so that it is optimised fully also where the rest of mlpipe is not.

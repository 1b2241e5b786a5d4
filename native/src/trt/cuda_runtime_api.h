/*
 * Stands in for the CUDA toolkit's header of that name. NVIDIA's headers use these two types of it and nothing else; both
 * are the driver API's CUstream and CUevent.
 */
#pragma once
typedef struct CUstream_st* cudaStream_t;
typedef struct CUevent_st* cudaEvent_t;

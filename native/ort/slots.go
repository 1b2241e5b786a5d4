package ort

// APIVersion is the version of struct OrtApi that is asked for: ONNX Runtime 1.18 and later have it. Only slots that exist
// in this version may be read; the struct is append-only.
const APIVersion = 18

// Slots of struct OrtApi, in its own order. Source: onnxruntime_c_api.h; each was checked with offsetof in a C program
// against the header of API 24.
const (
	slotGetErrorCode                      = 1
	slotGetErrorMessage                   = 2
	slotCreateEnv                         = 3
	slotDisableTelemetryEvents            = 6
	slotCreateSessionFromArray            = 8
	slotRun                               = 9
	slotCreateSessionOptions              = 10
	slotSetSessionGraphOptimizationLevel  = 23
	slotSetIntraOpNumThreads              = 24
	slotSetInterOpNumThreads              = 25
	slotSessionGetInputCount              = 30
	slotSessionGetOutputCount             = 31
	slotSessionGetInputTypeInfo           = 33
	slotSessionGetOutputTypeInfo          = 34
	slotSessionGetInputName               = 36
	slotSessionGetOutputName              = 37
	slotCreateRunOptions                  = 39
	slotRunOptionsSetTerminate            = 46
	slotRunOptionsUnsetTerminate          = 47
	slotCreateTensorWithDataAsOrtValue    = 49
	slotCastTypeInfoToTensorInfo          = 55
	slotGetTensorElementType              = 60
	slotGetDimensionsCount                = 61
	slotGetDimensions                     = 62
	slotGetSymbolicDimensions             = 63
	slotGetTensorTypeAndShape             = 65
	slotCreateCpuMemoryInfo               = 69
	slotAllocatorFree                     = 76
	slotGetAllocatorWithDefaultOptions    = 78
	slotReleaseStatus                     = 93
	slotReleaseSession                    = 95
	slotReleaseValue                      = 96
	slotReleaseRunOptions                 = 97
	slotReleaseTypeInfo                   = 98
	slotReleaseTensorTypeAndShapeInfo     = 99
	slotReleaseSessionOptions             = 100
	slotSessionGetModelMetadata           = 111
	slotModelMetadataLookupCustomMetadata = 116
	slotReleaseModelMetadata              = 118
	slotModelMetadataGetCustomMetadataKey = 123
	slotAddSessionConfigEntry             = 130
	slotRunWithBinding                    = 133
	slotCreateIoBinding                   = 134
	slotReleaseIoBinding                  = 135
	slotBindInput                         = 136
	slotBindOutput                        = 137
	slotAppendExecutionProviderTensorRTV2 = 170
	slotCreateTensorRTProviderOptions     = 171
	slotReleaseTensorRTProviderOptions    = 174
	slotAppendExecutionProviderCUDAV2     = 204
	slotCreateCUDAProviderOptions         = 205
	slotReleaseCUDAProviderOptions        = 208
	slotCount                             = 209
)

// Values of the C enums that are used.
const (
	logLevelFatal       = 4  // OrtLoggingLevel; every error also comes back as a status, and a library does not print
	optimizeAll         = 99 // GraphOptimizationLevel ORT_ENABLE_ALL
	allocatorArena      = 1  // OrtAllocatorType OrtArenaAllocator
	memTypeDefault      = 0  // OrtMemType OrtMemTypeDefault
	elementFloat32      = 1  // ONNXTensorElementDataType
	elementUint8        = 2
	elementInt8         = 3
	elementInt32        = 6
	elementInt64        = 7
	elementFloat16      = 10
	codeInvalidArgument = 2 // OrtErrorCode
)

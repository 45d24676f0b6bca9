// own_descriptors: the descriptors of proto/, with all that they import.
//
// A FileDescriptorSet that the build makes and embeds (cmake/descriptors.cmake); descriptor_read()
// reads it. It lives as long as the process.
#pragma once

#include "base/str.h"

str own_descriptors(void);

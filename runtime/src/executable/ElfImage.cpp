//===- ElfImage.cpp - a kernel library in memory --------------------------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "executable/ElfImage.h"

#include <cstring>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

namespace torchc::runtime {

namespace {

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
constexpr uint32_t kRelative = R_X86_64_RELATIVE;
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
constexpr uint32_t kRelative = R_AARCH64_RELATIVE;
#endif

/// Kernel code is small; anything near this is a damaged or hostile file.
constexpr uint64_t kMaxImageBytes = uint64_t(1) << 30;
constexpr uint64_t kMaxSegments = 64;

Status invalid(const char *what) { return Status::error(StatusCode::InvalidModule, "kernel library: %s", what); }

/// Loads one object; `memory` and `size` are the caller's to unmap, also on error.
class Loader {
public:
  Loader(std::span<const uint8_t> file, uint8_t *&memory, uint64_t &size)
      : file(file), memory(memory), size(size), page(uint64_t(sysconf(_SC_PAGESIZE))) {}

  Status run() {
    TORCHC_RETURN_IF_ERROR(readHeader());
    TORCHC_RETURN_IF_ERROR(mapSegments());
    TORCHC_RETURN_IF_ERROR(readDynamic());
    TORCHC_RETURN_IF_ERROR(checkSymbols());
    TORCHC_RETURN_IF_ERROR(relocate());
    return protect();
  }

  Result<std::span<const torchc_kernel>> findKernels(size_t count) const {
    if (tableAddress == 0)
      return invalid("it does not export " TORCHC_KERNEL_TABLE_SYMBOL);
    const auto *table = at<torchc_kernel_table>(tableAddress, 1);
    if (!table || !isReadable(tableAddress, sizeof *table))
      return invalid("its kernel table leaves its memory");
    if (table->abi_version != TORCHC_KERNEL_ABI_VERSION)
      return Status::error(StatusCode::Incompatible, "kernel library: ABI version %u, this runtime has %u",
                           table->abi_version, TORCHC_KERNEL_ABI_VERSION);
    if (table->count != count || !isReadable(tableAddress + sizeof *table, count * sizeof(torchc_kernel)))
      return invalid("its kernel table does not fit the module");
    for (size_t i = 0; i < count; ++i)
      if (!isExecutable(reinterpret_cast<uintptr_t>(table->kernels[i].run) - uintptr_t(memory)) ||
          !isExecutable(reinterpret_cast<uintptr_t>(table->kernels[i].grid) - uintptr_t(memory)))
        return invalid("a kernel lies outside of its code");
    return std::span<const torchc_kernel>(table->kernels, count);
  }

private:
  /// `count` items at an offset of the file; nullptr if they leave it.
  template <typename T> const T *inFile(uint64_t offset, uint64_t count) const {
    if (offset > file.size() || count > (file.size() - offset) / sizeof(T) || offset % alignof(T) != 0)
      return nullptr;
    return reinterpret_cast<const T *>(file.data() + offset);
  }

  /// `count` items at an address of the image; nullptr if they leave it.
  template <typename T> T *at(uint64_t address, uint64_t count) const {
    if (address > size || count > (size - address) / sizeof(T) || address % alignof(T) != 0)
      return nullptr;
    return reinterpret_cast<T *>(memory + address);
  }

  /// Whether `bytes` at an address lie in one segment that has the permission.
  bool isPermitted(uint64_t address, uint64_t bytes, uint32_t permission) const {
    for (const Elf64_Phdr &segment : segments)
      if (segment.p_type == PT_LOAD && (segment.p_flags & permission) && address >= segment.p_vaddr &&
          address - segment.p_vaddr <= segment.p_memsz && bytes <= segment.p_memsz - (address - segment.p_vaddr))
        return true;
    return false;
  }
  bool isReadable(uint64_t address, uint64_t bytes) const { return isPermitted(address, bytes, PF_R); }
  bool isExecutable(uint64_t address) const { return isPermitted(address, 1, PF_X); }

  Status readHeader() {
    const auto *header = inFile<Elf64_Ehdr>(0, 1);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
        header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_type != ET_DYN)
      return invalid("not a 64-bit ELF shared object");
    if (header->e_machine != kMachine)
      return invalid("its machine is not this one");
    const auto *table = inFile<Elf64_Phdr>(header->e_phoff, header->e_phnum);
    if (!table || header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > kMaxSegments)
      return invalid("its segment table leaves the file");
    segments = {table, header->e_phnum};
    return {};
  }

  Status mapSegments() {
    uint64_t end = 0;
    for (const Elf64_Phdr &segment : segments) {
      if (segment.p_type == PT_TLS || segment.p_type == PT_INTERP)
        return invalid("it has thread-local storage or an interpreter");
      if (segment.p_type != PT_LOAD)
        continue;
      if (!inFile<uint8_t>(segment.p_offset, segment.p_filesz) || segment.p_filesz > segment.p_memsz ||
          segment.p_memsz > kMaxImageBytes || segment.p_vaddr > kMaxImageBytes)
        return invalid("a segment leaves the file or is too large");
      if ((segment.p_flags & PF_W) && (segment.p_flags & PF_X))
        return invalid("a segment is both writable and executable");
      if (segment.p_vaddr < end)
        return invalid("its segments overlap within a page");
      end = (segment.p_vaddr + segment.p_memsz + page - 1) / page * page;
    }
    if (end == 0)
      return invalid("it has no segments");
    void *mapped = mmap(nullptr, end, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
      return Status::error(StatusCode::ResourceExhausted, "no memory for the kernels");
    memory = static_cast<uint8_t *>(mapped);
    size = end;
    for (const Elf64_Phdr &segment : segments)
      if (segment.p_type == PT_LOAD)
        std::memcpy(memory + segment.p_vaddr, file.data() + segment.p_offset, segment.p_filesz);
    return {};
  }

  Status readDynamic() {
    for (const Elf64_Phdr &segment : segments) {
      if (segment.p_type != PT_DYNAMIC)
        continue;
      const uint64_t count = segment.p_memsz / sizeof(Elf64_Dyn);
      const auto *entries = at<Elf64_Dyn>(segment.p_vaddr, count);
      if (!entries)
        return invalid("its dynamic section leaves its memory");
      for (uint64_t i = 0; i < count && entries[i].d_tag != DT_NULL; ++i)
        TORCHC_RETURN_IF_ERROR(readDynamicEntry(entries[i]));
    }
    if (symbols == 0 || strings == 0 || hashTable == 0)
      return invalid("it lacks a symbol table or a DT_HASH table (link with --hash-style=sysv)");
    return {};
  }

  Status readDynamicEntry(const Elf64_Dyn &entry) {
    switch (entry.d_tag) {
    case DT_SYMTAB: symbols = entry.d_un.d_ptr; return {};
    case DT_STRTAB: strings = entry.d_un.d_ptr; return {};
    case DT_STRSZ: stringBytes = entry.d_un.d_val; return {};
    case DT_HASH: hashTable = entry.d_un.d_ptr; return {};
    case DT_RELA: relocations = entry.d_un.d_ptr; return {};
    case DT_RELASZ: relocationBytes = entry.d_un.d_val; return {};
    case DT_NEEDED: return invalid("it needs another library");
    case DT_INIT:
    case DT_FINI:
    case DT_INIT_ARRAY:
    case DT_FINI_ARRAY:
    case DT_PREINIT_ARRAY: return invalid("it has initialisers");
    case DT_REL:
    case DT_JMPREL:
    case DT_TEXTREL:
    case DT_RELR:
      hasOtherRelocations = true; // Told after the undefined symbols that they come from.
      return {};
    default: return {};
    }
  }

  Status relocate() {
    if (hasOtherRelocations)
      return invalid("it has relocations of another kind than RELA");
    const uint64_t count = relocationBytes / sizeof(Elf64_Rela);
    const auto *entries = at<Elf64_Rela>(relocations, count);
    if (!entries)
      return invalid("its relocations leave its memory");
    for (uint64_t i = 0; i < count; ++i) {
      if (ELF64_R_TYPE(entries[i].r_info) != kRelative)
        return invalid("it has a relocation that is not relative");
      auto *place = at<uint8_t>(entries[i].r_offset, sizeof(uint64_t));
      if (!place || uint64_t(entries[i].r_addend) > size)
        return invalid("a relocation leaves its memory");
      const uint64_t value = uintptr_t(memory) + uint64_t(entries[i].r_addend);
      std::memcpy(place, &value, sizeof value);
    }
    return {};
  }

  /// Refuses undefined symbols and finds the kernel table.
  Status checkSymbols() {
    const auto *hash = at<uint32_t>(hashTable, 2); // nbucket, nchain = number of symbols
    const auto *table = hash ? at<Elf64_Sym>(symbols, hash[1]) : nullptr;
    const auto *names = at<char>(strings, stringBytes);
    if (!table || !names || stringBytes == 0 || names[stringBytes - 1] != 0)
      return invalid("its symbol table leaves its memory");
    for (uint32_t i = 1; i < hash[1]; ++i) {
      if (table[i].st_name >= stringBytes)
        return invalid("a symbol's name leaves its memory");
      const char *name = names + table[i].st_name;
      if (table[i].st_shndx == SHN_UNDEF)
        return Status::error(StatusCode::InvalidModule, "kernel library: undefined symbol '%s'", name);
      if (std::strcmp(name, TORCHC_KERNEL_TABLE_SYMBOL) == 0)
        tableAddress = table[i].st_value;
    }
    return {};
  }

  /// Read-only after relocation, but for segments that are writable by themselves.
  Status protect() {
    if (mprotect(memory, size, PROT_NONE) != 0)
      return Status::error(StatusCode::ResourceExhausted, "cannot protect the kernels' memory");
    for (const Elf64_Phdr &segment : segments) {
      if (segment.p_type != PT_LOAD)
        continue;
      const uint64_t begin = segment.p_vaddr / page * page;
      const int protection =
          PROT_READ | ((segment.p_flags & PF_W) ? PROT_WRITE : 0) | ((segment.p_flags & PF_X) ? PROT_EXEC : 0);
      if (mprotect(memory + begin, segment.p_vaddr + segment.p_memsz - begin, protection) != 0)
        return Status::error(StatusCode::Incompatible, "the system does not let the kernels' memory be executable");
    }
    for (const Elf64_Phdr &segment : segments) {
      if (segment.p_type != PT_GNU_RELRO || !at<uint8_t>(segment.p_vaddr, segment.p_memsz) ||
          !isPermitted(segment.p_vaddr, segment.p_memsz, PF_W))
        continue;
      const uint64_t begin = (segment.p_vaddr + page - 1) / page * page;
      const uint64_t end = (segment.p_vaddr + segment.p_memsz) / page * page;
      if (begin < end && mprotect(memory + begin, end - begin, PROT_READ) != 0)
        return Status::error(StatusCode::ResourceExhausted, "cannot protect the kernels' memory");
    }
    __builtin___clear_cache(reinterpret_cast<char *>(memory), reinterpret_cast<char *>(memory + size));
    return {};
  }

  std::span<const uint8_t> file;
  uint8_t *&memory;
  uint64_t &size;
  const uint64_t page;
  std::span<const Elf64_Phdr> segments;
  uint64_t symbols = 0, strings = 0, stringBytes = 0, hashTable = 0;
  uint64_t relocations = 0, relocationBytes = 0;
  bool hasOtherRelocations = false;
  uint64_t tableAddress = 0;
};

} // namespace

ElfImage::~ElfImage() {
  if (memory)
    munmap(memory, size);
}

Result<ElfImage> ElfImage::load(std::span<const uint8_t> file, size_t kernelCount) {
  ElfImage image;
  Loader loader(file, image.memory, image.size);
  TORCHC_RETURN_IF_ERROR(loader.run());
  TORCHC_ASSIGN_OR_RETURN(image.kernels, loader.findKernels(kernelCount));
  return image;
}

} // namespace torchc::runtime

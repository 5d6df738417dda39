/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * A classifier in one program, without files, Python or a C++ library:
 *
 *   torchc-compile model.pt2 --emit=static-library -o classifier.a
 *   cc -O2 -Iruntime/include embed.c classifier.a build/lib/libtorchc-runtime.a \
 *     -Wl,--gc-sections,-z,noseparate-code -s -o embed
 *   ./embed < image.raw
 *
 * `python quickstart.py export .` writes the model.pt2, of 3 x 64 x 64 pixels and 10 classes. */
#include "classifier.h"
#include <stdio.h>

int main(void) {
  static float image[3 * 64 * 64], classes[10];
  torchc_session *session = NULL;
  torchc_status *status = classifier_create(&session);
  while (!status && fread(image, sizeof image, 1, stdin) == 1) {
    status = classifier_forward(session, image, classes);
    for (int i = 0; !status && i < 10; ++i)
      printf("%d %.6f\n", i, classes[i]);
  }
  if (status) fprintf(stderr, "%s\n", torchc_status_get_message(status));
  torchc_session_free(session);
  return status != NULL;
}

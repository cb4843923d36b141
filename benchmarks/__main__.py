"""`python -m benchmarks NAME`: run one, or list them."""

import importlib
import pkgutil
import sys

import benchmarks


def main() -> int:
    names = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name != "__main__")
    if len(sys.argv) != 2 or sys.argv[1] not in names:
        print(f"usage: python -m benchmarks {{{' | '.join(names)}}}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"benchmarks.{sys.argv[1]}")
    print(module.__doc__.strip())
    print(f"ratio: {module.main():.3f}")
    return 0


sys.exit(main())

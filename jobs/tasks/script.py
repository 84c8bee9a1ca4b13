"""The entry of mrjob's own tasks on a node: python node/jobs/tasks/script.py JOB.py --mapper --step-num=0 ...

What the job imports lies in the bundle beside this file. setuptools comes first: on Python 3.12 and later mrjob needs
the distutils that it brings, and a folder on the path is not searched for the .pth file that would load it.
"""

import os
import runpy
import sys


def main() -> None:
    sys.path[0] = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))
    sys.path.insert(1, os.getcwd())
    import setuptools  # noqa: F401

    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()

"""The check of the instruments says what it could not check."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eval.check_instruments import main
from eval.pictures import write_picture


def test_without_data_every_part_is_left_out_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.md"
    assert main([str(tmp_path), "--output", str(output)]) == 1
    told = capsys.readouterr().err
    assert all(name in told for name in ("realsr-osediff", "iqa-calibration", "clean"))
    assert output.read_text(encoding="utf-8").startswith("# The instruments")


def test_published_values_that_are_met_differ_by_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "realsr-osediff"
    grey = np.full((64, 64, 3), 0.5)
    for name in ("a", "b"):
        # A result that equals its reference has the highest PSNR and SSIM there is.
        write_picture(grey, folder / "results_osediff" / f"{name}.png")
        write_picture(grey, folder / "test_HR" / f"{name}.png")
    head = "name,psnr,ssim,lpips,dists,clipiqa,niqe,musiq,maniqa\n"
    rows = "".join(f"{name},80.0,{ssim},0,0,0,0,0,0\n" for name, ssim in (("a", 1.0), ("b", 0.9)))
    (folder / "published_realsr.csv").write_text(head + rows, encoding="utf-8")
    output = tmp_path / "out.md"
    main([str(tmp_path), "--output", str(output)])
    text = output.read_text(encoding="utf-8")
    assert "| psnr_y_ycbcr | 2 | 80.000000 | 80.000000 | 0.000000 |" in text
    assert "| ssim_y_ycbcr | 2 | 0.950000 | 1.000000 | 0.100000 |" in text
    assert "niqe (no niqe_pris_params.npz" in text
